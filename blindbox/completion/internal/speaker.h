// SPDX-License-Identifier: Apache-2.0
// From logits to what a request's listener hears, and whether the request is through.
#pragma once

#include <optional>

#include "blindbox/completion/internal/decoder.h"

namespace blindbox::completion {

class Speaker {
 public:
  // fim are the tokens at which a generation ends as at the end of the text; a sequence holds context tokens at most.
  Speaker(const Llama& llama, std::optional<FimTokens> fim, std::size_t context);

  // The prompt is read, and the context holds the logits of the piece, which reaches its request's end. Chooses the
  // next token, and further ones as far as the draft was right. True when the request has ended; its outcome says why.
  // kept is how many tokens of the sequence are right afterwards.
  [[nodiscard]] bool choose(const Piece& piece, std::size_t& kept) const;

 private:
  [[nodiscard]] bool choose_one(Job& job, std::int32_t index) const;
  [[nodiscard]] bool ends_text(Token token) const;

  const Llama& llama_;
  std::optional<FimTokens> fim_;
  std::size_t context_;
  Token vocabulary_;
};

}  // namespace blindbox::completion
