// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/context.h"

#include <algorithm>

namespace blindbox::lsp {
namespace {

constexpr std::size_t kWorthwhile = 128;  // bytes; less of a file says nothing
constexpr std::size_t kMostNeighbours = 16;

bool within_character(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

// The first line that begins at or behind at; text.size() where there is none.
std::size_t next_line(std::string_view text, std::size_t at) {
  if (at == 0) return 0;
  const std::size_t end = text.find('\n', at - 1);
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

std::string_view keep_end(std::string_view before, std::size_t limit) {
  if (before.size() <= limit) return before;
  const std::size_t step = std::max<std::size_t>(limit / 4, 1);
  std::size_t at = (before.size() - limit + step - 1) / step * step;
  const std::size_t line = next_line(before, at);
  if (line < before.size()) {
    at = line;
  } else {
    while (within_character(before, at)) ++at;
  }
  return before.substr(at);
}

std::string_view keep_begin(std::string_view after, std::size_t limit) {
  if (after.size() <= limit) return after;
  while (limit > 0 && within_character(after, limit)) --limit;
  return after.substr(0, limit);
}

std::string_view keep_around(std::string_view text, std::size_t place, std::size_t limit) {
  if (text.size() <= limit) return text;
  place = std::min(place, text.size());
  // Two thirds of it before the place: what was written last, and what it was written after.
  const std::size_t before = std::min(place, limit / 3 * 2);
  const std::size_t begin = next_line(text, std::min(place - before, text.size() - limit));
  std::string_view kept = text.substr(begin, limit);
  const std::size_t end = kept.rfind('\n');
  if (begin + kept.size() < text.size()) kept = kept.substr(0, end == std::string_view::npos ? 0 : end + 1);
  return kept;
}

std::vector<infill::Extra> neighbours(const Documents& documents, const std::string& uri, const Settings& settings,
                                      const NameOf& name_of) {
  std::vector<infill::Extra> extras;
  std::size_t left = settings.neighbour_bytes;
  for (const auto& [other, document] : documents.others(uri)) {
    if (left < kWorthwhile || extras.size() == kMostNeighbours) break;
    const auto name = name_of(other);
    if (!name) continue;
    const std::string_view text = keep_around(document->text, document->last_place, left);
    if (text.empty()) continue;
    left -= text.size();
    extras.push_back({*name, std::string(text)});
  }
  // The order of names changes less often than that of use, and so what a server keeps of it is of use for longer.
  std::sort(extras.begin(), extras.end(), [](const auto& a, const auto& b) { return a.filename < b.filename; });
  return extras;
}

}  // namespace blindbox::lsp
