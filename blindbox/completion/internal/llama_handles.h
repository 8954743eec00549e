// SPDX-License-Identifier: Apache-2.0
// Owners for what llama.cpp hands out, and the few calls on them that need more than a line. llama.h itself is included
// in .cc files alone.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "blindbox/completion/engine.h"
#include "blindbox/completion/model_file.h"

struct llama_model;
struct llama_context;
struct llama_sampler;
struct llama_vocab;
struct ggml_threadpool;

namespace blindbox::completion {

struct LlamaDeleter {
  void operator()(llama_model* model) const;
  void operator()(llama_context* context) const;
  void operator()(llama_sampler* sampler) const;
  void operator()(ggml_threadpool* pool) const;
};

template <typename T>
using Owned = std::unique_ptr<T, LlamaDeleter>;

class KvMemory;

// How much a context can hold at once.
struct ContextSize {
  unsigned cells;      // tokens of all sequences together
  unsigned sequences;  // that a step may hold tokens of
  unsigned batch;      // tokens of a step
  unsigned outputs;    // of them, those whose logits are wanted
};

// In the order in which they must be destroyed, last first.
struct Llama {
  Llama();
  Llama(Llama&&) noexcept;
  Llama& operator=(Llama&&) noexcept;
  Llama(const Llama&) = delete;
  Llama& operator=(const Llama&) = delete;
  ~Llama();

  std::unique_ptr<KvMemory> memory;
  Owned<llama_model> model;
  Owned<ggml_threadpool> threads;
  Owned<llama_context> context;
  const llama_vocab* vocab = nullptr;
};

// Parses the model and copies its weights; the file is not needed afterwards. llama.cpp's log goes to ours at debug
// level while this runs, and nowhere at all later, so that no prompt can get into it.
[[nodiscard]] Result<Llama> load_llama(const ModelFile& file, const ModelSource& source, const ContextSize& size);

// Text as tokens, with literal special tokens in it left as text. inside: it stands behind other text, so that
// SentencePiece's kind of tokenizer puts no blank before it.
[[nodiscard]] Result<Tokens> tokenize_text(const llama_vocab* vocab, std::string_view text, bool inside = false);

// Markup as tokens: special tokens that are written out in it become what they say. Never for user code.
[[nodiscard]] Result<Tokens> tokenize_markup(const llama_vocab* vocab, std::string_view text);

// The bytes of a token; of a special one its name where special is set, else none.
[[nodiscard]] std::string token_bytes(const llama_vocab* vocab, Token token, bool special = false);

}  // namespace blindbox::completion
