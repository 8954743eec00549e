// SPDX-License-Identifier: Apache-2.0
// Fill in the middle: the tokens that a model was trained with, and the prompt that they frame. User code never
// becomes one of them: it is tokenised as plain text (see Tokenize).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/completion/fim_families.h"
#include "blindbox/completion/gguf.h"

namespace blindbox::completion {

using Token = std::int32_t;
using Tokens = std::vector<Token>;

struct FimTokens {
  Token prefix = -1;
  Token suffix = -1;
  Token middle = -1;  // -1 where the order has none
  FimOrder order = FimOrder::psm;
  std::string text;       // how the first of them is written, e.g. "<fim-prefix>"
  Token repository = -1;  // before the repository's name; -1 where the model has none
  Token file = -1;        // before each file's name
};

// A neighbouring file, or a piece of one.
struct ExtraFile {
  std::string filename;
  std::string text;
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
  std::span<const ExtraFile> extra = {};  // the dearest last
  std::string_view repository = {};
  std::string_view filename = {};  // of the file with the hole
  // For the suffix, which begins in the middle of a text: models of SentencePiece's kind were trained without the blank
  // there that begins a text. Empty: as all else.
  Tokenize tokenize_inside = {};
};

struct FimPrompt {
  Tokens tokens;
  bool truncated = false;  // of the prefix or the suffix; files that found no room do not count
};

// Where the code is longer than the budget, the prefix loses lines at its start and the suffix text at its end, three
// parts to one; what one does not need the other may use. The cuts move in steps, not with each keystroke, so that
// the cached part of the prompt stays valid while somebody types. Neighbouring files stand first, joined as the model
// was trained (else each under a comment with its name, before the prefix); they get what the code leaves over, also
// in steps, but at least a quarter.
[[nodiscard]] Result<FimPrompt> build_fim_prompt(const FimTokens& fim, const FimRequest& request,
                                                 const Tokenize& tokenize);

}  // namespace blindbox::completion
