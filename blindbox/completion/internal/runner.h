// SPDX-License-Identifier: Apache-2.0
// One prompt through the model: what the cache holds is reused, the rest is read in chunks, then tokens come one by
// one until something stops them.
#pragma once

#include <stop_token>
#include <string>

#include "blindbox/completion/engine.h"
#include "blindbox/completion/internal/llama_handles.h"

namespace blindbox::completion {

class Runner {
 public:
  struct Limits {
    unsigned batch;    // tokens of a chunk of the prompt
    unsigned context;  // llama.cpp rounds its own up, past the positions that a model has learned
  };
  // fim are the tokens at which a generation ends as at the end of the text.
  Runner(Llama llama, std::optional<FimTokens> fim, Limits limits);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner();

  [[nodiscard]] const Llama& llama() const { return llama_; }

  // prompt is not empty and fits into the context.
  [[nodiscard]] Result<Outcome> run(const Tokens& prompt, const Request& request, Listener& listener,
                                    const std::stop_token& stop);

  // Wipes what is kept of the tenant's prompts.
  void forget(const std::string& tenant) {
    if (tenant == tenant_) forget();
  }

 private:
  struct Watch;  // what may stop the request that runs

  void serve_tenant(const std::string& tenant);
  void forget();
  std::size_t keep_common_prefix(const Tokens& prompt);
  enum class Step { done, stopped, failed };
  Step decode(Tokens tokens);
  Step prefill(const Tokens& prompt, std::size_t from, Listener& listener);
  Result<void> generate(const Request& request, Listener& listener, Outcome& outcome);
  bool ends_text(Token token) const;

  Llama llama_;
  std::optional<FimTokens> fim_;
  Limits limits_;
  Tokens cached_;       // exactly the tokens whose keys and values the context holds
  std::string tenant_;  // whose they are
  Watch* watch_ = nullptr;
};

}  // namespace blindbox::completion
