// SPDX-License-Identifier: Apache-2.0
// From logits to the next token, and how likely it was.
#pragma once

#include <vector>

#include "blindbox/completion/internal/llama_handles.h"

namespace blindbox::completion {

// prompt: the penalty for repetition counts its last tokens too. vocabulary: how many tokens there are.
[[nodiscard]] Owned<llama_sampler> make_sampler(const Request& request, const Tokens& prompt, Token vocabulary);

// Natural logarithms of the softmax over the logits.
class LogProbabilities {
 public:
  LogProbabilities(const float* logits, std::size_t count);
  [[nodiscard]] float of(Token token) const { return logits_[token] - normaliser_; }
  // Best first; among equals the lower id.
  [[nodiscard]] std::vector<TokenProbability> likeliest(std::size_t count) const;

 private:
  const float* logits_;
  std::size_t count_;
  float normaliser_;
};

}  // namespace blindbox::completion
