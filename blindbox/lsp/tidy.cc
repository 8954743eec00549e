// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/tidy.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace blindbox::lsp {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view without_end(std::string_view text) {
  const auto last = text.find_last_not_of(kBlank);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find_first_of("\r\n")); }

bool has_word(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
  });
}

// Brackets without their other half, and quotes without theirs. It reads no language: a bracket within a string counts.
std::size_t imbalance(std::string_view text) {
  constexpr std::string_view kOpen = "([{";
  constexpr std::string_view kClose = ")]}";
  std::vector<char> open;
  std::size_t unmatched = 0;
  for (const char c : text) {
    if (kOpen.find(c) != std::string_view::npos) open.push_back(kClose[kOpen.find(c)]);
    if (kClose.find(c) == std::string_view::npos) continue;
    if (!open.empty() && open.back() == c) {
      open.pop_back();
    } else {
      ++unmatched;
    }
  }
  for (const char quote : {'"', '\'', '`'}) unmatched += std::count(text.begin(), text.end(), quote) % 2 == 1 ? 1U : 0U;
  return unmatched + open.size();
}

// Whether what is left without the end that repeats is better than the whole.
bool repeats(std::string_view text, std::string_view repeated) {
  if (repeated.size() > 1 && has_word(repeated)) return true;
  return imbalance(text.substr(0, text.size() - repeated.size())) < imbalance(text);
}

// The longest end of text that is a beginning of the rest of the line.
std::string_view without_rest_of_line(std::string_view text, std::string_view after) {
  const std::string_view rest = without_end(first_line(after));
  for (std::size_t size = std::min(rest.size(), text.size()); size > 0; --size) {
    // A part of the rest is a repetition where only brackets and quotes follow it.
    if (!text.ends_with(rest.substr(0, size)) || has_word(rest.substr(size))) continue;
    if (repeats(text, rest.substr(0, size))) return text.substr(0, text.size() - size);
  }
  return text;
}

std::vector<std::string_view> lines_of(std::string_view text, std::size_t most) {
  std::vector<std::string_view> lines;
  while (lines.size() < most) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// The last lines of text that are the first ones below the cursor.
std::string_view without_lines_below(std::string_view text, std::string_view after, bool line_begun) {
  const std::size_t end = after.find('\n');
  if (end == std::string_view::npos || has_word(after.substr(0, end))) return text;
  std::string_view below = after.substr(end + 1);
  const std::size_t word = below.find_first_not_of(kBlank);
  if (word == std::string_view::npos) return text;
  const std::size_t start = below.find_last_of('\n', word);
  if (start != std::string_view::npos) below.remove_prefix(start + 1);
  constexpr std::size_t kMost = 200;
  const auto mine = lines_of(text, kMost);
  const auto theirs = lines_of(below, kMost);
  const auto same = [](std::string_view a, std::string_view b) { return without_end(a) == without_end(b); };
  const std::size_t whole = mine.size() - (line_begun ? 1 : 0);
  for (std::size_t count = std::min(whole, theirs.size()); count > 0; --count) {
    if (!std::equal(mine.end() - static_cast<std::ptrdiff_t>(count), mine.end(), theirs.begin(), same)) continue;
    const auto from = mine[mine.size() - count].data() - text.data();
    const std::string_view kept = text.substr(0, static_cast<std::size_t>(from));
    if (repeats(text, text.substr(static_cast<std::size_t>(from)))) return kept;
  }
  return text;
}

}  // namespace

std::string tidy(const Said& said, std::string_view after) {
  std::string_view text = said.single_line ? first_line(said.text) : said.text;
  const std::size_t last = text.rfind('\n');
  if (said.out_of_tokens && last != std::string_view::npos && !without_end(text.substr(0, last)).empty()) {
    text = text.substr(0, last);
  }
  text = without_end(text);
  text = without_rest_of_line(text, after);
  text = without_end(without_lines_below(text, after, said.line_begun));
  return std::string(text);
}

}  // namespace blindbox::lsp
