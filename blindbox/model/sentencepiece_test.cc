// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/sentencepiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "blindbox/model/tokenizer.h"

namespace blindbox::model {
namespace {

using ::testing::HasSubstr;

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  return out + static_cast<char>(value);
}
std::string number(unsigned field, std::uint64_t value) { return varint(field << 3U) + varint(value); }
std::string message(unsigned field, const std::string& bytes) {
  return varint(field << 3U | 2U) + varint(bytes.size()) + bytes;
}
std::string piece(const std::string& text, float score, unsigned type = 1) {
  const auto bits = std::bit_cast<std::uint32_t>(score);
  std::string out = message(1, text) + varint(2U << 3U | 5U);
  for (unsigned i = 0; i < 4; ++i) out += static_cast<char>(bits >> (8 * i) & 0xFFU);
  return message(1, type == 1 ? out : out + number(3, type));
}

// <unk>, <s>, </s>, the 256 bytes, then what is given; BPE, without normalisation.
std::string model_of(const std::string& pieces, const std::string& trainer = number(3, 2),
                     const std::string& normalizer = number(4, 0)) {
  std::string out = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3);
  for (unsigned byte = 0; byte < 256; ++byte) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    out += piece(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">", 0, 6);
  }
  return out + pieces + message(2, trainer) + message(3, normalizer);
}

void expect_refused(const std::string& file, const std::string& why, ErrorKind kind = ErrorKind::malformed) {
  const auto found = read_sentencepiece(base::view(file));
  ASSERT_FALSE(found) << why;
  EXPECT_EQ(found.error().kind, kind) << found.error().what;
  EXPECT_THAT(found.error().what, HasSubstr(why));
}

TEST(SentencePiece, PiecesWithScoresAndTypes) {
  const auto found = read_sentencepiece(
      base::view(model_of(piece("▁a", -1.5F) + piece("FOO", 0, 4), number(3, 2) + number(43, ~std::uint64_t{0}))));
  ASSERT_TRUE(found) << found.error().what;
  ASSERT_EQ(found->pieces.size(), 261U);
  EXPECT_EQ(found->pieces[0].type, TokenType::unknown);
  EXPECT_EQ(found->pieces[2].type, TokenType::control);
  EXPECT_EQ(found->pieces[258].type, TokenType::byte);
  EXPECT_EQ(found->pieces[259].text, "▁a");
  EXPECT_EQ(found->pieces[259].score, -1.5F);
  EXPECT_EQ(found->pieces[260].type, TokenType::user_defined);
  EXPECT_EQ(found->bos_id, 1);
  EXPECT_EQ(found->pad_id, -1);
  EXPECT_TRUE(found->add_dummy_prefix);
  EXPECT_FALSE(found->remove_extra_whitespaces);
}

TEST(SentencePiece, WhatIsCutOffIsRefused) {
  const std::string whole = model_of(piece("ab", -1));
  // The trainer stands behind the pieces, four bytes before the end: without it the kind is the default, unigram.
  for (std::size_t cut = 5; cut <= whole.size(); cut += cut < 40 ? 1 : 19) {
    EXPECT_FALSE(read_sentencepiece(base::view(whole.substr(0, whole.size() - cut)))) << cut;
  }
  ASSERT_TRUE(read_sentencepiece(base::view(whole)));
}

TEST(SentencePiece, UnknownFieldsAreSkipped) {
  const std::string more =
      number(60, 7) + message(61, "x") + varint(62U << 3U | 5U) + "abcd" + varint(63U << 3U | 1U) + "abcdefgh";
  EXPECT_TRUE(read_sentencepiece(base::view(model_of("") + more)));
}

TEST(SentencePiece, WireFormat) {
  expect_refused(model_of("") + std::string(11, '\x80'), "cut off");                    // a number without an end
  expect_refused(model_of("") + varint(1U << 3U | 3U), "cut off");                      // a group
  expect_refused(model_of("") + varint(0), "cut off");                                  // field 0
  expect_refused(model_of("") + varint(1U << 3U | 2U) + varint(1U << 30U), "cut off");  // longer than the file
  expect_refused(model_of("") + varint(1U << 3U | 2U) + varint(~std::uint64_t{0}), "cut off");
  expect_refused("IQ== 0\nIg== 1\n", "not a SentencePiece model");  // tiktoken's
  expect_refused("", "no pieces");
}

TEST(SentencePiece, PiecesThatAreNone) {
  expect_refused(model_of(piece("", 0)), "empty, too long");
  expect_refused(model_of(piece(std::string(5000, 'a'), 0)), "empty, too long");
  expect_refused(model_of(piece(std::string("a\0b", 3), 0)), "empty, too long");
  expect_refused(model_of(piece("\xFF\xFE", 0)), "no text");
  expect_refused(model_of(piece("x", std::bit_cast<float>(0x7FC00000U))), "no number");
  expect_refused(model_of(piece("x", 0, 7)), "no type");
  expect_refused(model_of(piece("<0xZZ>", 0, 6)), "spells no byte");
  expect_refused(model_of(piece("x", 0) + piece("x", -1)), "stands twice");
}

TEST(SentencePiece, KindsThatTheEngineDoesNotCompute) {
  expect_refused(model_of("", number(3, 1)), "unigram", ErrorKind::model);
  expect_refused(model_of("", ""), "unigram", ErrorKind::model);  // the default
  expect_refused(model_of("", number(3, 3)), "words", ErrorKind::model);
  expect_refused(model_of("", number(3, 2) + number(24, 1)), "behind words", ErrorKind::model);
  expect_refused(model_of("", number(3, 2), number(5, 0)), "keeps blanks", ErrorKind::model);
  expect_refused(piece("<unk>", 0, 2) + message(2, number(3, 2)), "single bytes", ErrorKind::model);
}

Result<Tokenizer> tokenizer_of(const std::string& model, fetch::Json config, fetch::Json added, std::uint32_t rows) {
  TokenizerFiles files;
  auto pieces = read_sentencepiece(base::view(model));
  if (!pieces) return base::pass_on(pieces);
  files.pieces = std::move(*pieces);
  files.tokenizer = {{"added_tokens", std::move(added)}};
  files.tokenizer_config = std::move(config);
  return read_tokenizer(files, rows);
}

TEST(SentencePiece, AddedTokensCountAndThoseWithoutARowAreLeftOut) {
  const fetch::Json added = {{{"id", 259U}, {"content", "<|x|>"}},
                             {{"id", 261U}, {"content", "▁▁y"}, {"special", false}},
                             {{"id", 300U}, {"content", "<pad>"}, {"special", true}}};
  const auto out = tokenizer_of(model_of(piece("a", -1) + piece("b", -2)), {{"add_prefix_space", false}}, added, 264);
  ASSERT_TRUE(out) << out.error().what;
  EXPECT_EQ(out->tokens[259], "<|x|>");
  EXPECT_EQ(out->types[259], TokenType::control);
  EXPECT_EQ(out->scores[259], -1000);
  EXPECT_EQ(out->scores[260], -2);
  EXPECT_EQ(out->tokens[261], "  y");
  EXPECT_EQ(out->types[261], TokenType::user_defined);
  EXPECT_EQ(out->types[263], TokenType::unused);
  EXPECT_EQ(out->scores[263], -10000);
  EXPECT_EQ(out->ids.at("eos_token_id"), 2U);
  EXPECT_FALSE(out->flags.at("add_space_prefix"));
  ASSERT_EQ(out->notes.size(), 1U);
  EXPECT_THAT(out->notes[0], HasSubstr("left out 1"));
  // A piece without a row is what the model's own text would become.
  EXPECT_FALSE(tokenizer_of(model_of(piece("a", -1)), {}, fetch::Json::array(), 200));
}

TEST(SentencePiece, MarkersOfAHoleAreNeverText) {
  const auto out =
      tokenizer_of(model_of(piece("▁<PRE>", 0, 4) + piece("▁<SUF>", -9) + piece("▁<MID>", 0, 3) + piece("▁<EOT>", -10)),
                   {}, fetch::Json::array(), 263);
  ASSERT_TRUE(out) << out.error().what;
  for (std::size_t id = 259; id < 263; ++id) EXPECT_EQ(out->types[id], TokenType::control) << id;
  EXPECT_EQ(out->ids.at("fim_pre_token_id"), 259U);
  EXPECT_EQ(out->ids.at("eot_token_id"), 262U);
}

}  // namespace
}  // namespace blindbox::model
