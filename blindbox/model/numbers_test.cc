// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/numbers.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace blindbox::model {
namespace {

TEST(Numbers, EveryHalfSurvives) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = from_f16(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(from_f16(to_f16(value))));
    } else {
      ASSERT_EQ(to_f16(value), half) << bits;
    }
    const float wide = from_bf16(half);
    if (!std::isnan(wide)) {
      ASSERT_EQ(to_bf16(wide), half) << bits;
    }
  }
}

TEST(Numbers, HalvesRoundToTheNearestAndTiesToEven) {
  EXPECT_EQ(to_f16(1.0F + 0x1p-11F), 0x3C00);             // between 1 and the next: even is 1
  EXPECT_EQ(to_f16(1.0F + 0x1.8p-10F), 0x3C02);           // between the next two: even is the upper
  EXPECT_EQ(to_f16(1.0F + 0x1p-11F + 0x1p-23F), 0x3C01);  // just above a tie
  EXPECT_EQ(to_f16(65519.0F), 0x7BFF);
  EXPECT_EQ(to_f16(65520.0F), 0x7C00);  // infinite
  EXPECT_EQ(to_f16(-1e30F), 0xFC00);
  EXPECT_EQ(to_f16(0x1p-24F), 0x0001);
  EXPECT_EQ(to_f16(0x1p-25F), 0x0000);  // a tie with zero
  EXPECT_EQ(to_f16(0x1.8p-25F), 0x0001);
  EXPECT_EQ(to_f16(0x1.ffep-15F), 0x0400);  // up into the normal numbers
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82);
  EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::bit_cast<float>(0x7F800001U)))));
}

}  // namespace
}  // namespace blindbox::model
