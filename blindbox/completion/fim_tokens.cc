// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "blindbox/completion/fim_prompt.h"

namespace blindbox::completion {
namespace {

Token token_by_text(const Gguf& gguf, std::string_view text) {
  if (text.empty()) return -1;
  const auto found = std::find(gguf.tokens.begin(), gguf.tokens.end(), text);
  return found == gguf.tokens.end() ? -1 : static_cast<Token>(found - gguf.tokens.begin());
}

// The key's token where it is in the vocabulary; newer files say fim_pre, older ones prefix.
Token token_by_key(const Gguf& gguf, const char* key, const char* old_key) {
  for (const char* name : {key, old_key}) {
    if (name == nullptr) continue;
    const std::uint64_t id = gguf.number(std::string("tokenizer.ggml.") + name + "_token_id", gguf.tokens.size());
    if (id < gguf.tokens.size()) return static_cast<Token>(id);
  }
  return -1;
}

void fill(Token& token, Token found) {
  if (token < 0) token = found;
}

// The separators of any family that shares the frame's spelling: CodeGemma's differs from Qwen's in nothing else.
void find_separators(const Gguf& gguf, const FimFamily& found, FimTokens& fim) {
  for (const FimFamily& family : fim_families()) {
    if (family.prefix != found.prefix) continue;
    fill(fim.repository, token_by_text(gguf, family.repository));
    fill(fim.file, token_by_text(gguf, family.file));
  }
}

bool complete(const FimTokens& fim) {
  const bool middle = fim.middle >= 0 || fim.order == FimOrder::suffix_first;
  const bool distinct = fim.prefix != fim.suffix && fim.suffix != fim.middle && fim.prefix != fim.middle;
  return fim.prefix >= 0 && fim.suffix >= 0 && middle && distinct;
}

}  // namespace

std::optional<FimTokens> find_fim_tokens(const Gguf& gguf) {
  FimTokens fim;
  fim.prefix = token_by_key(gguf, "fim_pre", "prefix");
  fim.suffix = token_by_key(gguf, "fim_suf", "suffix");
  fim.middle = token_by_key(gguf, "fim_mid", "middle");
  fim.repository = token_by_key(gguf, "fim_rep", nullptr);
  fim.file = token_by_key(gguf, "fim_sep", nullptr);
  for (const FimFamily& family : fim_families()) {
    const Token prefix = token_by_text(gguf, family.prefix);
    if (prefix < 0 || (fim.prefix >= 0 && fim.prefix != prefix)) continue;
    fim.prefix = prefix;
    fill(fim.suffix, token_by_text(gguf, family.suffix));
    fill(fim.middle, token_by_text(gguf, family.middle));
    fim.order = family.order;
    find_separators(gguf, family, fim);
    break;
  }
  if (!complete(fim)) return std::nullopt;
  fim.text = gguf.tokens[static_cast<std::size_t>(fim.prefix)];
  return fim;
}

}  // namespace blindbox::completion
