// SPDX-License-Identifier: Apache-2.0
// From a request to the tokens that the model reads. What it holds never changes, so any thread may ask.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "blindbox/completion/engine.h"
#include "blindbox/completion/gguf.h"

struct llama_model;
struct llama_vocab;

namespace blindbox::completion {

struct Prompt {
  Tokens tokens;  // not empty, and within the context
  bool truncated = false;
};

class PromptBuilder {
 public:
  // info is the finished description of the model; both pointers must outlive this object.
  PromptBuilder(const llama_model* model, const ModelInfo& info, const Gguf& gguf);

  [[nodiscard]] Result<Prompt> build(const Request& request) const;

  [[nodiscard]] Result<Tokens> tokenize(std::string_view text, bool special, bool add_bos) const;
  [[nodiscard]] Result<std::string> detokenize(const Tokens& tokens) const;
  [[nodiscard]] Result<std::string> chat_text(const std::vector<ChatMessage>& messages) const;

 private:
  [[nodiscard]] Result<Prompt> hole(const Request& request) const;
  [[nodiscard]] Result<Prompt> chat(const Request& request) const;
  [[nodiscard]] Result<Prompt> plain(const Request& request) const;
  [[nodiscard]] tl::unexpected<Error> too_long(std::size_t tokens, const char* at_least) const;

  const llama_model* model_;  // the chat template is its
  const llama_vocab* vocab_;
  std::string name_;
  std::size_t context_;
  std::optional<FimTokens> fim_;
  std::optional<Token> bos_;    // stands before every prompt
  std::optional<Token> start_;  // stands in for an empty one
  std::size_t longest_token_ = 1;
};

}  // namespace blindbox::completion
