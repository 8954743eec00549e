// SPDX-License-Identifier: Apache-2.0
// How weights are stored in a GGUF file. F32, F16 and BF16 are made here; the quantised forms are another folder's,
// which the caller hands in.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "blindbox/base/bytes.h"

namespace blindbox::model {

// What the choice of a tensor's type depends on beside the tensor.
struct ModelShape {
  std::string architecture;
  std::uint64_t layers = 0;
  std::uint64_t heads = 0;
  std::uint64_t kv_heads = 0;
  bool tied = false;  // the token embeddings are the output's weights, too
};

class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  virtual ~Encoder() = default;

  [[nodiscard]] virtual std::uint32_t file_type() const = 0;  // enum llama_ftype, for general.file_type
  // enum ggml_type, for a tensor with rows of so many columns; dimensions is 1 or 2.
  [[nodiscard]] virtual std::uint32_t type_of(const ModelShape& model, std::string_view tensor, unsigned dimensions,
                                              std::uint64_t columns) const = 0;
  // Of one row; columns fit the type that type_of() gave.
  [[nodiscard]] virtual std::uint64_t row_bytes(std::uint32_t type, std::uint64_t columns) const = 0;
  // Whole rows, all values finite; out has their row_bytes().
  [[nodiscard]] virtual Result<void> encode(std::uint32_t type, std::span<const float> values, std::uint64_t columns,
                                            std::span<std::byte> out) const = 0;
};

// "f32", "f16" or "bf16"; nothing for any other name.
[[nodiscard]] std::unique_ptr<Encoder> plain_encoder(std::string_view name);

// True for the tensors that stay F32 in every file: vectors, norms, biases, positions.
[[nodiscard]] bool stays_f32(std::string_view tensor, unsigned dimensions);

}  // namespace blindbox::model
