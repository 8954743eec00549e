// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/fim_prompt.h"

#include <algorithm>

#include "blindbox/base/bytes.h"
#include "blindbox/completion/internal/fim_files.h"

namespace blindbox::completion {
namespace {

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

Tokens joined(std::initializer_list<const Tokens*> parts) {
  Tokens out;
  for (const Tokens* part : parts) out.insert(out.end(), part->begin(), part->end());
  return out;
}

// The two sides of the hole within the room.
struct Sides {
  Tokens prefix;
  Tokens suffix;
  bool truncated = false;
};

Result<Sides> fit_sides(const FimRequest& request, std::size_t room, const Tokenize& tokenize) {
  const std::string_view prefix_text = tail(request.prefix, room * kBytesPerToken);
  const std::string_view suffix_text = head(request.suffix, room * kBytesPerToken);
  auto prefix = tokenize(prefix_text);
  if (!prefix) return base::pass_on(prefix);
  auto suffix = (request.tokenize_inside ? request.tokenize_inside : tokenize)(suffix_text);
  if (!suffix) return base::pass_on(suffix);
  Sides out{std::move(*prefix), std::move(*suffix), false};
  out.truncated = prefix_text.size() != request.prefix.size() || suffix_text.size() != request.suffix.size();
  if (out.prefix.size() + out.suffix.size() <= room) return out;
  out.truncated = true;
  // What the prefix leaves over goes to the suffix in sixteenths: a suffix that shrinks with every keystroke would
  // throw the cache away in SPM order, where it stands first.
  const std::size_t step = std::max<std::size_t>(room / 16, 1);
  const std::size_t left = room - std::min(out.prefix.size(), room - room / 4);
  const std::size_t suffix_budget = std::max(left / step * step, std::min(room / 4, out.suffix.size()));
  if (out.suffix.size() > suffix_budget) out.suffix.resize(suffix_budget);
  const std::size_t prefix_budget = room - out.suffix.size();
  if (out.prefix.size() <= prefix_budget) return out;
  auto shorter = cut_prefix(prefix_text, prefix_budget, tokenize);
  if (!shorter) return base::pass_on(shorter);
  out.prefix = std::move(*shorter);
  return out;
}

}  // namespace

Result<FimPrompt> build_fim_prompt(const FimTokens& fim, const FimRequest& request, const Tokenize& tokenize) {
  const std::size_t frame = 3 + (request.bos ? 1U : 0U);
  if (request.budget < frame + 8) {
    return base::fail(ErrorKind::limit, "no room for a prompt beside the tokens that were asked for");
  }
  std::size_t room = request.budget - frame;
  auto sides = fit_sides(request, room, tokenize);
  if (!sides) return base::pass_on(sides);
  // In steps, so that a keystroke does not change which files stand in front.
  const std::size_t step = std::max<std::size_t>(room / 8, 1);
  const std::size_t left = room - sides->prefix.size() - sides->suffix.size();
  auto files = internal::join_files(fim, request, std::max(left / step * step, room / 4), tokenize);
  if (!files) return base::pass_on(files);
  if (const std::size_t used = files->before.size() + files->inside.size(); used > left) {
    room -= used;
    sides = fit_sides(request, room, tokenize);
    if (!sides) return base::pass_on(sides);
  }

  const Tokens bos = request.bos ? Tokens{*request.bos} : Tokens{};
  const Tokens p{fim.prefix};
  const Tokens s{fim.suffix};
  const Tokens m = fim.middle >= 0 ? Tokens{fim.middle} : Tokens{};
  const Tokens prefix = joined({&files->inside, &sides->prefix});
  FimPrompt out;
  out.truncated = sides->truncated;
  switch (fim.order) {
    case FimOrder::psm: out.tokens = joined({&bos, &files->before, &p, &prefix, &s, &sides->suffix, &m}); break;
    case FimOrder::spm: out.tokens = joined({&bos, &files->before, &p, &s, &sides->suffix, &m, &prefix}); break;
    case FimOrder::suffix_first: out.tokens = joined({&bos, &files->before, &s, &sides->suffix, &p, &prefix}); break;
  }
  return out;
}

}  // namespace blindbox::completion
