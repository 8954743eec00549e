// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/text_stream.h"

#include <gtest/gtest.h>

#include "blindbox/base/bytes.h"

namespace blindbox::completion {
namespace {

TEST(TextStream, HoldsUnfinishedCharactersBack) {
  TextStream text({});
  EXPECT_EQ(text.push("a\xE2"), "a");
  EXPECT_EQ(text.push("\x82"), "");
  EXPECT_EQ(text.push("\xAC!"), "\xE2\x82\xAC!");
  EXPECT_EQ(text.push("\xF0\x9F"), "");
  EXPECT_EQ(text.finish(), "");  // never finished: dropped
}

TEST(TextStream, BrokenBytesBecomeReplacements) {
  const std::string replacement = "\xEF\xBF\xBD";
  TextStream text({});
  EXPECT_EQ(text.push("\xFF"), replacement);
  EXPECT_EQ(text.push("\x80"), replacement);
  EXPECT_EQ(text.push("\xE2("), replacement + "(");
  EXPECT_EQ(text.push("\xC3\xC3\xA4"), replacement + "\xC3\xA4");
  EXPECT_EQ(text.push("\xED\xA0\x80"), replacement + replacement + replacement);  // a surrogate
}

TEST(TextStream, WhateverComesGoesOutAsUtf8) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      TextStream text({});
      const std::string out = text.push(std::string{static_cast<char>(first), static_cast<char>(second)}) +
                              text.push("\x80") + text.push("z") + text.finish();
      ASSERT_TRUE(base::is_utf8(out)) << first << " " << second;
      ASSERT_TRUE(out.ends_with("z"));
    }
  }
}

TEST(TextStream, StopWordsAcrossPieces) {
  TextStream text({"\n\n", "END"});
  EXPECT_EQ(text.push("one\n"), "one");
  EXPECT_EQ(text.push("two"), "\ntwo");
  EXPECT_EQ(text.push("E"), "");
  EXPECT_EQ(text.push("N"), "");
  EXPECT_EQ(text.push("N"), "ENN");
  EXPECT_EQ(text.push("xE"), "x");
  EXPECT_EQ(text.push("ND and more"), "");
  EXPECT_EQ(text.stopped_by(), "END");
  EXPECT_EQ(text.push("never"), "");
  EXPECT_EQ(text.finish(), "");
}

TEST(TextStream, TheEarliestStopWordWins) {
  TextStream text({"b", "ab"});
  EXPECT_EQ(text.push("xab"), "x");
  EXPECT_EQ(text.stopped_by(), "ab");
}

TEST(TextStream, WhatWasHeldForAStopWordComesOutAtTheEnd) {
  TextStream text({"return"});
  EXPECT_EQ(text.push("ret"), "");
  EXPECT_EQ(text.finish(), "ret");
}

}  // namespace
}  // namespace blindbox::completion
