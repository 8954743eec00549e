// SPDX-License-Identifier: Apache-2.0
#include "blindbox/policy/difference.h"

#include <gtest/gtest.h>

namespace blindbox::policy {
namespace {

TEST(Difference, MarksWhatWentAndWhatCame) {
  EXPECT_EQ(difference("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(difference("a\nb\nc\n", "a\nx\nc\n"), "  a\n- b\n+ x\n  c\n");
  EXPECT_EQ(difference("", "a\n\n"), "+ a\n+ \n");
  EXPECT_EQ(difference("a\nb", ""), "- a\n- b\n");
  EXPECT_EQ(difference("a\nb\nc\nd\n", "b\nd\ne\n"), "- a\n  b\n- c\n  d\n+ e\n");
}

}  // namespace
}  // namespace blindbox::policy
