// SPDX-License-Identifier: Apache-2.0
// Which tokens mean something: the beginning and end of a text, and the holes of fill in the middle.
#pragma once

#include <string>
#include <unordered_map>

#include "blindbox/model/tokenizer.h"

namespace blindbox::model::internal {

// Sets out.ids and out.flags. ErrorKind::model where nothing says how a text ends: llama.cpp would take a token of its
// own choice.
[[nodiscard]] Result<void> read_special_tokens(const TokenizerFiles& files,
                                               const std::unordered_map<std::string, std::uint32_t>& ids,
                                               Tokenizer& out);

}  // namespace blindbox::model::internal
