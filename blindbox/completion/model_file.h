// SPDX-License-Identifier: Apache-2.0
// A model file as bytes that cannot change any more. The disk belongs to the host, who may answer a second read
// with other bytes; so the file is read once, into sealed memory, and its digest is that of what is loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "blindbox/base/bytes.h"
#include "blindbox/base/digest.h"
#include "blindbox/base/fd.h"

namespace blindbox::completion {

class ModelFile {
 public:
  // Reads path, which must be a regular file that begins with "GGUF". A digest other than expected is
  // ErrorKind::model, and no parser has seen a byte by then.
  // progress, where given, hears of the bytes read so far and the file's size.
  using Progress = std::function<void(std::uint64_t read, std::uint64_t total)>;
  [[nodiscard]] static Result<ModelFile> open(const std::string& path, const std::optional<base::Sha256>& expected,
                                              const Progress& progress = nullptr);
  // Memory that another process has read and sealed by open(), with the digest that it computed: the caller trusts
  // that process. Without all seals it is ErrorKind::internal.
  [[nodiscard]] static Result<ModelFile> adopt(base::Fd memory, const base::Sha256& digest);

  ModelFile(ModelFile&& other) noexcept;
  ModelFile& operator=(ModelFile&&) = delete;
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;
  ~ModelFile();

  // Valid as long as this object.
  [[nodiscard]] ByteView bytes() const { return bytes_; }
  // A sealed memory file with the same content.
  [[nodiscard]] int fd() const { return memory_.get(); }
  [[nodiscard]] const base::Sha256& digest() const { return digest_; }

 private:
  ModelFile(base::Fd memory, ByteView bytes, const base::Sha256& digest)
      : memory_(std::move(memory)), bytes_(bytes), digest_(digest) {}

  base::Fd memory_;
  ByteView bytes_;
  base::Sha256 digest_;
};

}  // namespace blindbox::completion
