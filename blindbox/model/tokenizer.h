// SPDX-License-Identifier: Apache-2.0
// Tokenizers as Hugging Face keeps them, and as llama.cpp reads them out of a GGUF file. Two kinds can be carried over:
// byte-level BPE (GPT-2's, StarCoder's, Qwen's, Llama 3's) and SentencePiece's BPE with byte fallback (Llama's). How
// text is split before the merges has a name in llama.cpp for each way that it knows; a tokenizer that splits in another
// way, or normalises, is refused with what was found: tokens that are a little wrong make a model a little worse, and
// nobody would see why.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/fetch/json.h"
#include "blindbox/model/gguf_writer.h"
#include "blindbox/model/sentencepiece.h"

namespace blindbox::model {

struct Tokenizer {
  bool byte_level = true;           // tokenizer.ggml.model: "gpt2", else "llama"
  std::string pre;                  // tokenizer.ggml.pre
  std::vector<std::string> tokens;  // one for each row of the embeddings
  std::vector<TokenType> types;
  std::vector<float> scores;                 // SentencePiece's kind alone
  std::vector<std::string> merges;           // "left right", best first; byte-level alone
  std::map<std::string, std::uint32_t> ids;  // "bos_token_id", "fim_pre_token_id" ... behind tokenizer.ggml.
  std::map<std::string, bool> flags;         // "add_bos_token", "add_space_prefix" ...
  std::string chat_template;                 // "" where there is none
  std::vector<std::string> notes;            // what a person may want to know
};

// The files of a folder that say how text becomes tokens. Members that are absent are null.
struct TokenizerFiles {
  // tokenizer.json, or one made of vocab.json and merges.txt; its added tokens alone where there is only tokenizer.model.
  fetch::Json tokenizer;
  std::optional<SentencePieceModel> pieces{};  // tokenizer.model
  fetch::Json tokenizer_config;                // tokenizer_config.json, with what special_tokens_map.json adds
  fetch::Json model_config;                    // config.json
  std::string chat_template;                   // chat_template.jinja or chat_template.json
};

// ErrorKind::model where there is no tokenizer, ErrorKind::malformed or limit for a file that is none.
[[nodiscard]] Result<TokenizerFiles> load_tokenizer_files(const std::string& folder);

// vocabulary: rows of the embeddings; ids beyond the tokenizer's become unused tokens. ErrorKind::model for a tokenizer
// of another kind, ErrorKind::malformed for one that contradicts itself.
[[nodiscard]] Result<Tokenizer> read_tokenizer(const TokenizerFiles& files, std::uint32_t vocabulary);

void describe(const Tokenizer& tokenizer, GgufMetadata& metadata);

}  // namespace blindbox::model
