// SPDX-License-Identifier: Apache-2.0
// The tables of a tokenizer.json: tokens by number, their types, the merges.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "blindbox/model/tokenizer.h"

namespace blindbox::model::internal {

struct Vocabulary {
  std::vector<std::string> tokens;  // "" where a number has none
  std::vector<TokenType> types;
  std::unordered_map<std::string, std::uint32_t> ids;  // of the model's own tokens and the added ones
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<float> scores;  // of SentencePiece's file alone
  std::size_t dropped = 0;    // added tokens whose number is beyond the embeddings: the model never saw them
};

// size: how many tokens there are room for. Numbers are unique and below it, texts unique; both parts of a merge and
// what they make are tokens.
[[nodiscard]] Result<Vocabulary> read_vocabulary(const fetch::Json& tokenizer, std::uint32_t size);

// The pieces of tokenizer.model; the added tokens of tokenizer.json's form count where both have something to say.
[[nodiscard]] Result<Vocabulary> read_pieces(const SentencePieceModel& model, const fetch::Json& tokenizer,
                                             std::uint32_t size);

// SentencePiece's scores, of which llama.cpp merges the best first, from the order of the merges. ErrorKind::model where
// no scores make the same tokens: the merges were not made from scores then.
[[nodiscard]] Result<std::vector<float>> scores_of(const Vocabulary& vocabulary, bool splits_words);

}  // namespace blindbox::model::internal
