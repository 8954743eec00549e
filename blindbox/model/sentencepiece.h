// SPDX-License-Identifier: Apache-2.0
// tokenizer.model: a SentencePiece model, one protocol buffer (sentencepiece_model.proto, ModelProto). Read field by
// field with bounds; fields that nothing here needs are skipped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::model {

// The numbers are GGUF's as well (tokenizer.ggml.token_type).
enum class TokenType : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct SentencePiece {
  std::string text;  // UTF-8, not empty, with U+2581 for a blank
  float score = 0;   // finite
  TokenType type = TokenType::normal;
};

struct SentencePieceModel {
  std::vector<SentencePiece> pieces;  // by number; no text twice
  // Of the trainer: -1 where the model has none.
  std::int32_t unk_id = 0;
  std::int32_t bos_id = 1;
  std::int32_t eos_id = 2;
  std::int32_t pad_id = -1;
  // Of the normaliser.
  bool add_dummy_prefix = true;          // a blank before the text
  bool remove_extra_whitespaces = true;  // runs of blanks become one
  bool maps_characters = false;          // NFKC or another table
};

// ErrorKind::malformed for what is no such file, ErrorKind::limit for one past the caps, ErrorKind::model for a kind that
// llama.cpp's "llama" tokenizer does not compute: unigram, word and character models, BPE that cannot spell every byte,
// blanks that are kept or put behind words.
[[nodiscard]] Result<SentencePieceModel> read_sentencepiece(ByteView file);

}  // namespace blindbox::model
