// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "blindbox/completion/fim_prompt.h"

namespace blindbox::completion {
namespace {

Gguf vocabulary(std::vector<std::string> tokens) {
  Gguf gguf;
  gguf.tokens = std::move(tokens);
  return gguf;
}

// Every family of the table: markers at known places behind one plain token.
TEST(FimTokens, EveryFamilyByItsSpelling) {
  for (const FimFamily& family : fim_families()) {
    const auto found = find_fim_tokens(
        vocabulary({"x", std::string(family.prefix), std::string(family.suffix), std::string(family.middle)}));
    ASSERT_TRUE(found) << family.prefix;
    EXPECT_EQ(found->prefix, 1);
    EXPECT_EQ(found->suffix, 2);
    EXPECT_EQ(found->middle, 3);
    EXPECT_EQ(found->order, family.order);
    EXPECT_EQ(found->text, family.prefix);
  }
}

TEST(FimTokens, CodestralNeedsNoMiddle) {
  const auto found = find_fim_tokens(vocabulary({"[PREFIX]", "[SUFFIX]"}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->order, FimOrder::suffix_first);
  EXPECT_EQ(found->middle, -1);
  EXPECT_FALSE(find_fim_tokens(vocabulary({"<fim_prefix>", "<fim_suffix>"})));
  EXPECT_FALSE(find_fim_tokens(vocabulary({"[PREFIX]"})));
}

TEST(FimTokens, SeparatorsWhereTheVocabularyHasThem) {
  const auto qwen = find_fim_tokens(
      vocabulary({"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"}));
  ASSERT_TRUE(qwen);
  EXPECT_EQ(qwen->repository, 3);
  EXPECT_EQ(qwen->file, 4);
  const auto gemma =
      find_fim_tokens(vocabulary({"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>"}));
  ASSERT_TRUE(gemma);
  EXPECT_EQ(gemma->repository, -1);
  EXPECT_EQ(gemma->file, 3);
  const auto starcoder = find_fim_tokens(vocabulary({"<fim_prefix>", "<fim_suffix>", "<fim_middle>"}));
  ASSERT_TRUE(starcoder);
  EXPECT_EQ(starcoder->file, -1);
}

TEST(FimTokens, TheMetadataCountsBeforeTheSpelling) {
  Gguf gguf = vocabulary({"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "a", "b", "c", "d"});
  gguf.numbers["tokenizer.ggml.fim_pre_token_id"] = 3;
  gguf.numbers["tokenizer.ggml.fim_suf_token_id"] = 4;
  gguf.numbers["tokenizer.ggml.fim_mid_token_id"] = 5;
  gguf.numbers["tokenizer.ggml.fim_sep_token_id"] = 6;
  const auto found = find_fim_tokens(gguf);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->prefix, 3);
  EXPECT_EQ(found->suffix, 4);
  EXPECT_EQ(found->middle, 5);
  EXPECT_EQ(found->file, 6);
  EXPECT_EQ(found->text, "a");
}

}  // namespace
}  // namespace blindbox::completion
