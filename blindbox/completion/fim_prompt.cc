// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/fim_prompt.h"

#include <algorithm>
#include <array>

#include "blindbox/base/bytes.h"

namespace blindbox::completion {
namespace {

struct Spelling {
  std::string_view prefix;
  std::string_view suffix;
  std::string_view middle;
  FimOrder order;
};

// docs/models.md lists them. DeepSeek's "hole" stands where the suffix begins and its "end" where the middle does.
constexpr std::array kSpellings = {
    Spelling{"<fim-prefix>", "<fim-suffix>", "<fim-middle>", FimOrder::spm},        // SantaCoder
    Spelling{"<fim_prefix>", "<fim_suffix>", "<fim_middle>", FimOrder::psm},        // StarCoder, Granite
    Spelling{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", FimOrder::psm},  // Qwen2.5-Coder
    Spelling{"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", FimOrder::psm},  // DeepSeek-Coder
};

Token token_by_text(const Gguf& gguf, std::string_view text) {
  const auto found = std::find(gguf.tokens.begin(), gguf.tokens.end(), text);
  return found == gguf.tokens.end() ? -1 : static_cast<Token>(found - gguf.tokens.begin());
}

// The key's token where it is in the vocabulary; newer files say fim_pre, older ones prefix.
Token token_by_key(const Gguf& gguf, const char* key, const char* old_key) {
  for (const char* name : {key, old_key}) {
    const std::uint64_t id = gguf.number(std::string("tokenizer.ggml.") + name + "_token_id", gguf.tokens.size());
    if (id < gguf.tokens.size()) return static_cast<Token>(id);
  }
  return -1;
}

// A token covers 3 to 4 bytes of code; text beyond this many bytes a token is cut before it is tokenised, so that a
// file of megabytes costs no more than one of the context's size.
constexpr std::size_t kBytesPerToken = 16;

// The last (or first) at most `bytes` of text, whole UTF-8 characters. The tail's start stays where it is while the
// text grows by less than a quarter of that.
std::string_view tail(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  const std::size_t step = std::max<std::size_t>(bytes / 4, 1);
  std::size_t start = std::min((text.size() - bytes + step - 1) / step * step, text.size());
  while (start < text.size() && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) ++start;
  return text.substr(start);
}

std::string_view head(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return text.substr(0, bytes);
}

// Starts of lines at which a prefix may begin, in order; with a step only the first in each step of that many bytes.
std::vector<std::size_t> line_starts(std::string_view text, std::size_t step) {
  std::vector<std::size_t> starts;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at + 1 < text.size() && (starts.empty() || at + 1 >= (starts.back() / step + 1) * step)) {
      starts.push_back(at + 1);
    }
  }
  return starts;
}

// The first start from which the rest fits into the budget, found by bisection: a later start never needs more.
Result<std::optional<Tokens>> fit(std::string_view text, const std::vector<std::size_t>& starts, std::size_t budget,
                                  const Tokenize& tokenize) {
  std::optional<Tokens> best;
  std::size_t low = 0;
  std::size_t high = starts.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    auto tokens = tokenize(text.substr(starts[middle]));
    if (!tokens) return base::pass_on(tokens);
    if (tokens->size() <= budget) {
      best = std::move(*tokens);
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return best;
}

Result<Tokens> cut_prefix(std::string_view text, std::size_t budget, const Tokenize& tokenize) {
  for (const std::size_t step : {std::max<std::size_t>(budget, 1), budget / 4 + 1, std::size_t{1}}) {
    auto fitted = fit(text, line_starts(text, step), budget, tokenize);
    if (!fitted) return base::pass_on(fitted);
    // A coarse cut that leaves less than half of the room is too dear.
    if (*fitted && (step == 1 || (*fitted)->size() >= budget / 2)) return std::move(**fitted);
  }
  auto tokens = tokenize(tail(text, budget * kBytesPerToken));  // one line, longer than the budget
  if (tokens && tokens->size() > budget) tokens->erase(tokens->begin(), tokens->end() - static_cast<long>(budget));
  return tokens;
}

}  // namespace

std::optional<FimTokens> find_fim_tokens(const Gguf& gguf) {
  FimTokens fim;
  fim.prefix = token_by_key(gguf, "fim_pre", "prefix");
  fim.suffix = token_by_key(gguf, "fim_suf", "suffix");
  fim.middle = token_by_key(gguf, "fim_mid", "middle");
  for (const Spelling& spelling : kSpellings) {
    const Token prefix = token_by_text(gguf, spelling.prefix);
    if (fim.prefix >= 0 && fim.prefix != prefix) continue;
    if (fim.prefix < 0) fim.prefix = prefix;
    if (fim.suffix < 0) fim.suffix = token_by_text(gguf, spelling.suffix);
    if (fim.middle < 0) fim.middle = token_by_text(gguf, spelling.middle);
    fim.order = spelling.order;
    if (prefix >= 0) break;
  }
  const bool distinct = fim.prefix != fim.suffix && fim.suffix != fim.middle && fim.prefix != fim.middle;
  if (fim.prefix < 0 || fim.suffix < 0 || fim.middle < 0 || !distinct) return std::nullopt;
  fim.text = gguf.tokens[static_cast<std::size_t>(fim.prefix)];
  return fim;
}

Result<FimPrompt> build_fim_prompt(const FimTokens& fim, const FimRequest& request, const Tokenize& tokenize) {
  const std::size_t frame = 3 + (request.bos ? 1U : 0U);
  if (request.budget < frame + 8) {
    return base::fail(ErrorKind::limit, "no room for a prompt beside the tokens that were asked for");
  }
  const std::size_t room = request.budget - frame;
  const std::string_view prefix_text = tail(request.prefix, room * kBytesPerToken);
  auto prefix = tokenize(prefix_text);
  if (!prefix) return base::pass_on(prefix);
  auto suffix = tokenize(head(request.suffix, room * kBytesPerToken));
  if (!suffix) return base::pass_on(suffix);

  FimPrompt out;
  out.truncated = prefix_text.size() != request.prefix.size() || suffix->size() > room;
  if (prefix->size() + suffix->size() > room) {
    out.truncated = true;
    // What the prefix leaves over goes to the suffix in sixteenths: a suffix that shrinks with every keystroke would
    // throw the cache away in SPM order, where it stands first.
    const std::size_t step = std::max<std::size_t>(room / 16, 1);
    const std::size_t left = room - std::min(prefix->size(), room - room / 4);
    const std::size_t suffix_budget = std::max(left / step * step, std::min(room / 4, suffix->size()));
    if (suffix->size() > suffix_budget) suffix->resize(suffix_budget);
    const std::size_t prefix_budget = room - suffix->size();
    if (prefix->size() > prefix_budget) prefix = cut_prefix(prefix_text, prefix_budget, tokenize);
    if (!prefix) return base::pass_on(prefix);
  }
  out.truncated = out.truncated || request.suffix.size() > room * kBytesPerToken;

  const auto append = [&out](const Tokens& more) { out.tokens.insert(out.tokens.end(), more.begin(), more.end()); };
  if (request.bos) out.tokens.push_back(*request.bos);
  out.tokens.push_back(fim.prefix);
  if (fim.order == FimOrder::psm) append(*prefix);
  out.tokens.push_back(fim.suffix);
  append(*suffix);
  out.tokens.push_back(fim.middle);
  if (fim.order == FimOrder::spm) append(*prefix);
  return out;
}

}  // namespace blindbox::completion
