// SPDX-License-Identifier: Apache-2.0
// Writes a GGUF file, version 3 (ggml docs/gguf.md): metadata, the tensors' names and places, then their bytes. What is
// written goes to a temporary file that takes its name when all of it is on the disk, so that a file is whole or absent.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/base/digest.h"
#include "blindbox/base/fd.h"

namespace blindbox::model {

class GgufMetadata {
 public:
  void text(std::string_view key, std::string_view value);
  void u32(std::string_view key, std::uint32_t value);
  void f32(std::string_view key, float value);
  void flag(std::string_view key, bool value);
  void texts(std::string_view key, const std::vector<std::string>& values);
  void i32s(std::string_view key, const std::vector<std::int32_t>& values);
  void f32s(std::string_view key, const std::vector<float>& values);

  // A pair as it stands in another file.
  void raw(ByteView pair);

  [[nodiscard]] const Bytes& pairs() const { return pairs_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  void key(std::string_view name, std::uint32_t type);
  void array(std::string_view name, std::uint32_t type, std::size_t size);
  Bytes pairs_;
  std::uint64_t count_ = 0;
};

struct GgufTensorPlace {
  std::string name;
  std::vector<std::uint64_t> shape;  // fastest dimension first
  std::uint32_t type = 0;            // enum ggml_type
  std::uint64_t bytes = 0;
};

class GgufWriter {
 public:
  // The file is made beside path. ErrorKind::io where it cannot be.
  [[nodiscard]] static Result<GgufWriter> create(const std::string& path, const GgufMetadata& metadata,
                                                 std::vector<GgufTensorPlace> tensors);
  GgufWriter(GgufWriter&&) noexcept;
  GgufWriter& operator=(GgufWriter&&) = delete;
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;
  // Without finish() nothing is left.
  ~GgufWriter();

  // The tensors' bytes in the order of create(), in pieces that do not cross from one tensor into the next.
  [[nodiscard]] Result<void> append(ByteView bytes);

  struct Written {
    std::uint64_t bytes = 0;
    base::Sha256 sha256{};
  };
  // All tensors are complete: fsync, then the name.
  [[nodiscard]] Result<Written> finish();

 private:
  struct State;
  explicit GgufWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace blindbox::model
