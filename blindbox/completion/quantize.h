// SPDX-License-Identifier: Apache-2.0
// Weights in fewer bits, by ggml's own functions and llama.cpp's own choice of a type for each tensor, piece by piece:
// with progress, and cancelled within a piece. What comes out is what llama-quantize makes of the same file.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "blindbox/base/digest.h"
#include "blindbox/completion/gguf.h"
#include "blindbox/model/encoder.h"

namespace blindbox::completion {

// "f32", "f16", "bf16", "q8_0", "q4_0" or "q4_k_m", in either case; ErrorKind::usage for any other name.
[[nodiscard]] Result<std::unique_ptr<model::Encoder>> encoder_named(std::string_view name);

struct WeightsProgress {
  std::function<void(std::uint64_t done, std::uint64_t total)> report{};  // bytes of the input's tensors
  std::stop_token stop{};                                                 // ErrorKind::cancelled
};

struct Quantized {
  std::uint64_t bytes = 0;
  base::Sha256 sha256{};
};
// Writes the weights of a GGUF file anew into output, which appears whole or not at all. file is all of the input and
// gguf its header. Weights that are quantised already are ErrorKind::model: quantising twice loses twice.
[[nodiscard]] Result<Quantized> quantize_file(ByteView file, const Gguf& gguf, const std::string& output,
                                              const model::Encoder& encoder, const WeightsProgress& progress);

struct WeightFindings {
  std::uint64_t values = 0;
  std::uint64_t not_finite = 0;
  std::string first_tensor;  // in which one is not finite
};
// Looks at every weight, as a number.
[[nodiscard]] Result<WeightFindings> check_weights(ByteView file, const Gguf& gguf, const WeightsProgress& progress);

// Of a tensor: "Q4_K"; of a file's general.file_type: "Q4_K - Medium".
[[nodiscard]] std::string weight_type_name(std::uint32_t type);
[[nodiscard]] std::string file_type_name(std::uint64_t file_type);

}  // namespace blindbox::completion
