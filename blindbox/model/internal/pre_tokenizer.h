// SPDX-License-Identifier: Apache-2.0
// How a tokenizer.json splits and normalises text, recognised by what it says and not by who made it.
#pragma once

#include <string>

#include "blindbox/base/result.h"
#include "blindbox/fetch/json.h"

namespace blindbox::model::internal {

// llama.cpp's name for the way in which a byte-level tokenizer splits text (tokenizer.ggml.pre). ErrorKind::model, with
// the steps that were found, where it has none.
[[nodiscard]] Result<std::string> name_pre_tokenizer(const fetch::Json& tokenizer, bool ignore_merges);

// True where text is brought into Unicode's form C first, which llama.cpp does not do. ErrorKind::model for any other
// normaliser.
[[nodiscard]] Result<bool> check_byte_level_normalizer(const fetch::Json& tokenizer);

struct SpaceRules {
  bool prefix = false;        // a blank is put before the text
  bool splits_words = false;  // merges never cross the start of a word
};
// Of SentencePiece's kind. ErrorKind::model for what is not one of its forms.
[[nodiscard]] Result<SpaceRules> read_space_rules(const fetch::Json& tokenizer);

}  // namespace blindbox::model::internal
