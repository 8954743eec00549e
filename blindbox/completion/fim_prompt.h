// SPDX-License-Identifier: Apache-2.0
// Fill in the middle: the three tokens that a model was trained with, and the prompt that they frame. User code never
// becomes one of them: it is tokenised as plain text (see Tokenize).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/completion/gguf.h"

namespace blindbox::completion {

using Token = std::int32_t;
using Tokens = std::vector<Token>;

// psm: prefix, suffix, middle. spm: <prefix><suffix>S<middle>P, the order in which a keystroke only extends what the
// model has already read.
enum class FimOrder { psm, spm };

struct FimTokens {
  Token prefix = -1;
  Token suffix = -1;
  Token middle = -1;
  FimOrder order = FimOrder::psm;  // spm for SantaCoder and its like, which were trained with it
  std::string text;                // how the first of them is written, e.g. "<fim-prefix>"
};

// By the metadata's ids, else by the texts that models are known to use (SantaCoder's hyphens included). Nothing where
// the model has none.
[[nodiscard]] std::optional<FimTokens> find_fim_tokens(const Gguf& gguf);

// Text to tokens, with literal special tokens in the text left as text.
using Tokenize = std::function<Result<Tokens>(std::string_view)>;

struct FimRequest {
  std::string_view prefix;
  std::string_view suffix;
  std::size_t budget = 0;  // tokens that the whole prompt may have
  std::optional<Token> bos;
};

struct FimPrompt {
  Tokens tokens;
  bool truncated = false;
};

// Where the code is longer than the budget, the prefix loses lines at its start and the suffix text at its end, three
// parts to one; what one does not need the other may use. The cuts move in steps, not with each keystroke, so that
// the cached part of the prompt stays valid while somebody types.
[[nodiscard]] Result<FimPrompt> build_fim_prompt(const FimTokens& fim, const FimRequest& request,
                                                 const Tokenize& tokenize);

}  // namespace blindbox::completion
