// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/secondary.h"

#include <gtest/gtest.h>

namespace blindbox::evidence {
namespace {

TEST(Secondary, HasOneEncoding) {
  const Secondary secondary{base::to_bytes(base::view("{}"))};
  EXPECT_EQ(base::to_hex(encode_secondary(secondary)), "a101427b7d");
  EXPECT_EQ(decode_secondary(encode_secondary(secondary)).value(), secondary);
  EXPECT_TRUE(encode_secondary({}).empty());
  EXPECT_EQ(decode_secondary({}).value(), Secondary{});
}

TEST(Secondary, RefusesEverythingElse) {
  for (const char* const hex : {"a0", "a10140", "a102427b7d", "a101627b7d", "a101427b7d00", "a101427b",
                                "a2014100014100", "a2014100024100", "bf01427b7dff", "a11801427b7d", "81427b7d", "40"}) {
    const auto decoded = decode_secondary(base::from_hex(hex).value());
    ASSERT_FALSE(decoded) << hex;
    EXPECT_EQ(decoded.error().kind, ErrorKind::malformed) << hex;
  }
}

}  // namespace
}  // namespace blindbox::evidence
