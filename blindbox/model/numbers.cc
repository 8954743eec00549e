// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/numbers.h"

#include <bit>

namespace blindbox::model {
namespace {

constexpr std::uint32_t kSign = 0x80000000U;

template <typename Word>
Word load(const std::byte* from) {
  Word out = 0;
  for (std::size_t i = sizeof(Word); i-- > 0;) out = static_cast<Word>(out << 8U | std::to_integer<unsigned>(from[i]));
  return out;
}

template <typename Word>
void store(Word value, std::byte* to) {
  for (std::size_t i = 0; i < sizeof(Word); ++i) to[i] = static_cast<std::byte>(value >> (8 * i) & 0xFFU);
}

// value shifted down by so many bits, rounded to nearest, ties to even.
constexpr std::uint32_t round_shift(std::uint32_t value, unsigned bits) {
  const std::uint32_t half = 1U << (bits - 1);
  const std::uint32_t rest = value & ((1U << bits) - 1);
  const std::uint32_t out = value >> bits;
  return rest > half || (rest == half && (out & 1U) != 0) ? out + 1 : out;
}

}  // namespace

std::uint16_t to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits & kSign) >> 16U;
  const std::uint32_t rest = bits & ~kSign;
  constexpr std::uint32_t kInfinite = 0x7F800000U;
  constexpr std::uint32_t kTooLarge = 0x47800000U;  // 65536: beyond, whatever the rounding
  constexpr std::uint32_t kNormal = 0x38800000U;    // 2^-14, the smallest that has no leading zeros
  constexpr std::uint32_t kTooSmall = 0x33000000U;  // 2^-25, half of the smallest: a tie with zero, which is even
  if (rest > kInfinite) return static_cast<std::uint16_t>(sign | 0x7E00U | (rest >> 13U & 0x3FFU));
  if (rest >= kTooLarge) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (rest <= kTooSmall) return static_cast<std::uint16_t>(sign);
  // A carry out of the fraction goes into the exponent, and out of the largest exponent into infinity: as it should.
  if (rest >= kNormal) return static_cast<std::uint16_t>(sign | round_shift(rest - (112U << 23U), 13));
  const std::uint32_t fraction = (rest & 0x7FFFFFU) | 0x800000U;
  return static_cast<std::uint16_t>(sign | round_shift(fraction, 126 - (rest >> 23U)));
}

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & ~kSign) > 0x7F800000U) return static_cast<std::uint16_t>(bits >> 16U | 0x40U);
  return static_cast<std::uint16_t>(round_shift(bits, 16));
}

float from_f16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t exponent = half >> 10U & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | fraction << 13U);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23U | fraction << 13U);
  const float value = static_cast<float>(fraction) * 0x1p-24F;
  return sign != 0 ? -value : value;
}

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); }

void decode(Dtype dtype, ByteView bytes, std::span<float> out) {
  const std::size_t width = width_of(dtype);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::byte* const from = bytes.data() + i * width;
    switch (dtype) {
      case Dtype::f16: out[i] = from_f16(load<std::uint16_t>(from)); break;
      case Dtype::bf16: out[i] = from_bf16(load<std::uint16_t>(from)); break;
      default: out[i] = std::bit_cast<float>(load<std::uint32_t>(from)); break;
    }
  }
}

void encode(Dtype dtype, std::span<const float> values, std::span<std::byte> out) {
  const std::size_t width = width_of(dtype);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::byte* const to = out.data() + i * width;
    switch (dtype) {
      case Dtype::f16: store(to_f16(values[i]), to); break;
      case Dtype::bf16: store(to_bf16(values[i]), to); break;
      default: store(std::bit_cast<std::uint32_t>(values[i]), to); break;
    }
  }
}

}  // namespace blindbox::model
