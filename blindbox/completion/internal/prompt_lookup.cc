// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/prompt_lookup.h"

#include <algorithm>

namespace blindbox::completion {
namespace {

constexpr std::size_t kPattern = 3;
constexpr std::size_t kReach = 8192;  // tokens that are searched

}  // namespace

Tokens look_up_draft(const Tokens& tokens, std::size_t count) {
  if (tokens.size() <= kPattern || count == 0) return {};
  const auto pattern = tokens.end() - kPattern;
  const auto first = tokens.size() > kReach ? tokens.end() - kReach : tokens.begin();
  // The latest occurrence before the one at the end, which it may overlap.
  const auto found = std::find_end(first, tokens.end() - 1, pattern, tokens.end());
  if (found == tokens.end() - 1) return {};
  const auto next = found + kPattern;
  const auto length = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(count), tokens.end() - next);
  return {next, next + length};
}

}  // namespace blindbox::completion
