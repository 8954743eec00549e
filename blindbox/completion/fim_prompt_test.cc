// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/fim_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::completion {
namespace {

using ::testing::ElementsAre;
using testing::kFimMiddle;
using testing::kFimPrefix;
using testing::kFimSuffix;
using testing::TinyModel;

// One token a byte.
Result<Tokens> bytes_as_tokens(std::string_view text) {
  Tokens out;
  for (const char c : text) out.push_back(static_cast<unsigned char>(c));
  return out;
}

constexpr Token kP = 1001;
constexpr Token kS = 1002;
constexpr Token kM = 1003;

FimTokens fim(FimOrder order) { return {kP, kS, order == FimOrder::suffix_first ? -1 : kM, order, ""}; }

FimPrompt build(FimOrder order, std::string_view prefix, std::string_view suffix, std::size_t budget = 1000) {
  auto prompt = build_fim_prompt(fim(order), {prefix, suffix, budget, std::nullopt}, bytes_as_tokens);
  EXPECT_TRUE(prompt);
  return prompt ? *prompt : FimPrompt{};
}

// The text between two markers of the prompt (or its end).
std::string between(const FimPrompt& prompt, Token from) {
  std::string out;
  bool inside = false;
  for (const Token token : prompt.tokens) {
    if (token >= kP) {
      inside = token == from;
    } else if (inside) {
      out += static_cast<char>(token);
    }
  }
  return out;
}

std::optional<FimTokens> found_in(const TinyModel& shape) {
  const auto gguf = read_gguf(testing::make_tiny_model(shape));
  EXPECT_TRUE(gguf);
  return find_fim_tokens(*gguf);
}

TEST(FimTokens, SantaCoderByTextInSpmOrder) {
  const auto found = found_in({});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->prefix, kFimPrefix);
  EXPECT_EQ(found->suffix, kFimSuffix);
  EXPECT_EQ(found->middle, kFimMiddle);
  EXPECT_EQ(found->order, FimOrder::spm);
  EXPECT_EQ(found->text, "<fim-prefix>");
}

TEST(FimTokens, StarCoderInPsmOrder) {
  const auto found = found_in({.hyphens = false});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->prefix, kFimPrefix);
  EXPECT_EQ(found->order, FimOrder::psm);
}

TEST(FimTokens, MetadataComesFirst) {
  const auto found = found_in({.fim_keys = true});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->prefix, kFimPrefix);
  EXPECT_EQ(found->order, FimOrder::spm);
}

TEST(FimTokens, NoneWhereTheModelHasNone) { EXPECT_FALSE(found_in({.fim_type = 0})); }

TEST(FimPrompt, Orders) {
  EXPECT_THAT(build(FimOrder::psm, "ab", "c").tokens, ElementsAre(kP, 'a', 'b', kS, 'c', kM));
  EXPECT_THAT(build(FimOrder::spm, "ab", "c").tokens, ElementsAre(kP, kS, 'c', kM, 'a', 'b'));
  EXPECT_THAT(build(FimOrder::spm, "", "").tokens, ElementsAre(kP, kS, kM));
  EXPECT_THAT(build(FimOrder::suffix_first, "ab", "c").tokens, ElementsAre(kS, 'c', kP, 'a', 'b'));
}

TEST(FimPrompt, BeginsWithTheModelsStartToken) {
  const auto prompt = build_fim_prompt(fim(FimOrder::psm), {"a", "b", 100, 7}, bytes_as_tokens);
  ASSERT_TRUE(prompt);
  EXPECT_THAT(prompt->tokens, ElementsAre(7, kP, 'a', kS, 'b', kM));
}

TEST(FimPrompt, ExactFitIsNotTruncated) {
  const FimPrompt exact = build(FimOrder::psm, std::string(60, 'p'), std::string(37, 's'), 100);
  EXPECT_FALSE(exact.truncated);
  EXPECT_EQ(exact.tokens.size(), 100U);
  const FimPrompt over = build(FimOrder::psm, std::string(61, 'p'), std::string(37, 's'), 100);
  EXPECT_TRUE(over.truncated);
  EXPECT_LE(over.tokens.size(), 100U);
}

TEST(FimPrompt, PrefixLosesLinesAtItsStartAndSuffixItsEnd) {
  std::string prefix;
  std::string suffix;
  for (int i = 100; i < 200; ++i) prefix += "line " + std::to_string(i) + "\n";
  for (int i = 200; i < 300; ++i) suffix += "line " + std::to_string(i) + "\n";
  prefix += "cursor";
  const FimPrompt prompt = build(FimOrder::psm, prefix, suffix, 403);
  EXPECT_TRUE(prompt.truncated);
  EXPECT_LE(prompt.tokens.size(), 403U);
  const std::string kept = between(prompt, kP);
  EXPECT_TRUE(kept.starts_with("line 1"));
  EXPECT_TRUE(prefix.ends_with(kept));
  EXPECT_GE(kept.size(), 150U);  // at least half of its three quarters
  const std::string after = between(prompt, kS);
  EXPECT_TRUE(suffix.starts_with(after));
  EXPECT_EQ(after.size(), 100U);  // a quarter
}

TEST(FimPrompt, WhatThePrefixDoesNotNeedTheSuffixGets) {
  const FimPrompt prompt = build(FimOrder::psm, "short", std::string(1000, 's'), 403);
  EXPECT_EQ(between(prompt, kP), "short");
  EXPECT_GE(between(prompt, kS).size(), 370U);
  EXPECT_TRUE(prompt.truncated);
}

TEST(FimPrompt, OneLineLongerThanTheBudgetKeepsItsEnd) {
  const std::string line = std::string(5000, 'a') + "END";
  const FimPrompt prompt = build(FimOrder::spm, line, "", 103);
  EXPECT_TRUE(prompt.truncated);
  EXPECT_TRUE(between(prompt, kM).ends_with("END"));
  EXPECT_LE(prompt.tokens.size(), 103U);
  EXPECT_GE(prompt.tokens.size(), 90U);
}

// The point of SPM and of cutting in steps: while somebody types, the prompt mostly grows at its end.
TEST(FimPrompt, TypingOnlyExtendsThePromptMostOfTheTime) {
  std::string prefix;
  for (int i = 0; i < 300; ++i) prefix += "    value = " + std::to_string(i) + "\n";
  const std::string suffix(5000, 's');
  FimPrompt last = build(FimOrder::spm, prefix, suffix, 1000);
  int extended = 0;
  for (int i = 0; i < 100; ++i) {
    prefix += static_cast<char>('a' + i % 26);
    const FimPrompt next = build(FimOrder::spm, prefix, suffix, 1000);
    if (next.tokens.size() == last.tokens.size() + 1 &&
        std::equal(last.tokens.begin(), last.tokens.end(), next.tokens.begin())) {
      ++extended;
    }
    last = next;
  }
  EXPECT_GE(extended, 97);
}

TEST(FimPrompt, HugeInputIsCutBeforeItIsTokenised) {
  std::size_t largest = 0;
  const Tokenize counting = [&largest](std::string_view text) {
    largest = std::max(largest, text.size());
    return bytes_as_tokens(text);
  };
  std::string prefix;
  while (prefix.size() < (std::size_t{4} << 20)) prefix += "x\xC3\xA4\n";
  const auto prompt = build_fim_prompt(fim(FimOrder::psm), {prefix, prefix, 500, std::nullopt}, counting);
  ASSERT_TRUE(prompt);
  EXPECT_TRUE(prompt->truncated);
  EXPECT_LE(prompt->tokens.size(), 500U);
  EXPECT_LE(largest, 500U * 16);
}

TEST(FimPrompt, NoRoomIsALimit) {
  const auto prompt = build_fim_prompt(fim(FimOrder::psm), {"a", "b", 10, std::nullopt}, bytes_as_tokens);
  ASSERT_FALSE(prompt);
  EXPECT_EQ(prompt.error().kind, ErrorKind::limit);
}

}  // namespace
}  // namespace blindbox::completion
