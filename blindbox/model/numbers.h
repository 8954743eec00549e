// SPDX-License-Identifier: Apache-2.0
// Weights as they are stored: IEEE 754 binary16, bfloat16 and binary32, little-endian, to float and back.
#pragma once

#include <cstdint>
#include <span>

#include "blindbox/base/bytes.h"
#include "blindbox/model/safetensors.h"

namespace blindbox::model {

// Rounded to nearest, ties to even, as IEEE 754 and numpy do; what is too large becomes infinite, NaN stays NaN.
[[nodiscard]] std::uint16_t to_f16(float value);
[[nodiscard]] std::uint16_t to_bf16(float value);
[[nodiscard]] float from_f16(std::uint16_t bits);
[[nodiscard]] float from_bf16(std::uint16_t bits);

[[nodiscard]] constexpr std::size_t width_of(Dtype dtype) { return dtype == Dtype::f32 ? 4 : 2; }

// out.size() values from as many times width_of(dtype) bytes. dtype is not other.
void decode(Dtype dtype, ByteView bytes, std::span<float> out);
// The other way.
void encode(Dtype dtype, std::span<const float> values, std::span<std::byte> out);

}  // namespace blindbox::model
