// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/raw_prompt.h"

#include <gtest/gtest.h>

namespace blindbox::api {
namespace {

using completion::FimFamily;

void expect_hole(const std::string& prompt, const std::string& prefix, const std::string& suffix) {
  const auto found = read_raw_prompt(prompt);
  ASSERT_TRUE(found) << prompt;
  EXPECT_EQ(found->prefix, prefix) << prompt;
  EXPECT_EQ(found->suffix, suffix) << prompt;
}

std::string join(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  return out;
}

TEST(RawPrompt, EveryFamilyInEveryOrder) {
  for (const FimFamily& f : completion::fim_families()) {
    expect_hole(join({f.prefix, "a\n", f.suffix, "\nb", f.middle}), "a\n", "\nb");
    expect_hole(join({f.prefix, f.suffix, "\nb", f.middle, "a\n"}), "a\n", "\nb");
    expect_hole(join({f.suffix, "\nb", f.prefix, "a\n", f.middle}), "a\n", "\nb");
    expect_hole(join({f.prefix, f.suffix, f.middle}), "", "");
  }
  expect_hole("[SUFFIX]b[PREFIX]a", "a", "b");
}

TEST(RawPrompt, CodeLlamasBlanksAreNotTheCodes) {
  expect_hole("<PRE> def f():\n     <SUF>\n    return 1 <MID>", "def f():\n    ", "\n    return 1");
  expect_hole("<s> <PRE>  a <SUF> b <MID>", " a", " b");
}

TEST(RawPrompt, AStartTokenAndALineBreakAtTheEnd) {
  expect_hole("<｜begin▁of▁sentence｜><｜fim▁begin｜>a<｜fim▁hole｜>b<｜fim▁end｜>", "a", "b");
  expect_hole("<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>\n", "a", "b");
}

TEST(RawPrompt, RepositoryHeaders) {
  const auto qwen = read_raw_prompt(
      "<|repo_name|>r\n<|file_sep|>a.py\nA\n<|file_sep|>b.py\nB\n<|file_sep|>c.py\n"
      "<|fim_prefix|>p<|fim_suffix|>s<|fim_middle|>");
  ASSERT_TRUE(qwen);
  EXPECT_EQ(qwen->repository, "r");
  ASSERT_EQ(qwen->extra.size(), 2U);
  EXPECT_EQ(qwen->extra[0].filename, "a.py");
  EXPECT_EQ(qwen->extra[1].text, "B\n");
  EXPECT_EQ(qwen->filename, "c.py");
  EXPECT_EQ(qwen->prefix, "p");
  const auto starcoder = read_raw_prompt("<file_sep>a.py\nA<file_sep><fim_prefix>p<fim_suffix>s<fim_middle>");
  ASSERT_TRUE(starcoder);
  ASSERT_EQ(starcoder->extra.size(), 1U);
  EXPECT_EQ(starcoder->filename, "");
  const auto gemma = read_raw_prompt("<|file_separator|>a.py\n<|fim_prefix|>p<|fim_suffix|>s<|fim_middle|>");
  ASSERT_TRUE(gemma);
  EXPECT_EQ(gemma->filename, "a.py");
}

// Literal markers in somebody's source.
TEST(RawPrompt, SourceStaysData) {
  for (const char* text : {
           "kPrefix = \"<fim_prefix>\"\nkSuffix = \"<fim_suffix>\"\nkMiddle = \"<fim_middle>\"",
           "<fim_prefix> opens, <fim_suffix> parts, <fim_middle> closes a hole.",
           "# <fim_prefix>a<fim_suffix>b<fim_middle>",
           "print('<fim_prefix>a<fim_suffix>b<fim_middle>",
           "<fim_prefix>a<fim_middle>",
           "<fim_prefix>a<fim_suffix>b",
           "<fim_prefix>a<fim-suffix>b<fim_middle>",
           "<fim_suffix>b<fim_prefix>a",
           "[PREFIX]a",
           "",
       }) {
    EXPECT_FALSE(read_raw_prompt(text)) << text;
  }
}

TEST(RawPrompt, AFrameAroundSourceThatHoldsMarkers) {
  expect_hole("<fim_prefix>S = \"<fim_suffix>\"\n<fim_suffix>\nM = '<fim_middle>'<fim_middle>",
              "S = \"<fim_suffix>\"\n", "\nM = '<fim_middle>'");
  expect_hole("<fim_prefix><fim_suffix>M = '<fim_middle>'\n<fim_middle>P = \"<fim_prefix>\"\n",
              "P = \"<fim_prefix>\"\n", "M = '<fim_middle>'\n");
  // Two that could be it: rather no hole than the wrong one.
  EXPECT_FALSE(read_raw_prompt("<fim_prefix>a <fim_suffix> b <fim_suffix> c<fim_middle>"));
}

TEST(RawPrompt, TakenApartInARequest) {
  completion::Request request;
  request.prefix = "<fim-prefix>a<fim-suffix>b<fim-middle>";
  EXPECT_TRUE(take_raw_prompt(request));
  EXPECT_EQ(request.prefix, "a");
  EXPECT_EQ(request.suffix, "b");
  EXPECT_FALSE(take_raw_prompt(request));
  EXPECT_EQ(request.prefix, "a");
}

}  // namespace
}  // namespace blindbox::api
