// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/raw_prompt.h"

#include <array>

namespace blindbox::api {
namespace {

using completion::FimFamily;
using completion::FimOrder;
constexpr std::size_t kNone = std::string_view::npos;

// What a client may write before a frame.
constexpr std::array<std::string_view, 4> kStarts = {"<s>", "<|endoftext|>", "<｜begin▁of▁sentence｜>", "<bos>"};

bool is_around_literal(char c) {
  return c == '"' || c == '\'' || c == '`' || c == '\\' || c == '_' || (c >= '0' && c <= '9') ||
         (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Quotes around it make it a literal of somebody's source.
bool looks_quoted(std::string_view text, std::size_t at, std::size_t length) {
  const char before = at > 0 ? text[at - 1] : '\n';
  const char behind = at + length < text.size() ? text[at + length] : '\n';
  return is_around_literal(before) && is_around_literal(behind);
}

// The one place of the marker from `from` on: the only one, or the only one that is no literal.
std::size_t single(std::string_view text, std::string_view marker, std::size_t from) {
  std::size_t all = 0;
  std::size_t plain = 0;
  std::size_t last = kNone;
  std::size_t last_plain = kNone;
  for (std::size_t at = text.find(marker, from); at != kNone; at = text.find(marker, at + marker.size())) {
    ++all;
    last = at;
    if (looks_quoted(text, at, marker.size())) continue;
    ++plain;
    last_plain = at;
  }
  if (all == 1) return last;
  return plain == 1 ? last_plain : kNone;
}

std::string_view without_end(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \r\n");
  return text.substr(0, last == kNone ? 0 : last + 1);
}

RawHole hole(std::string_view prefix, std::string_view suffix, bool spaced) {
  // CodeLlama's markers stand apart by a blank that is not the code's.
  if (spaced && prefix.starts_with(' ')) prefix.remove_prefix(1);
  if (spaced && prefix.ends_with(' ')) prefix.remove_suffix(1);
  if (spaced && suffix.ends_with(' ')) suffix.remove_suffix(1);
  return {std::string(prefix), std::string(suffix), {}, {}, {}};
}

// <prefix>P<suffix>S<middle>
std::optional<RawHole> read_psm(std::string_view text, const FimFamily& family) {
  const std::string_view body = without_end(text);
  if (!body.starts_with(family.prefix) || !body.ends_with(family.middle)) return std::nullopt;
  const std::size_t begin = family.prefix.size();
  const std::size_t end = body.size() - family.middle.size();
  if (end < begin) return std::nullopt;
  const std::string_view inside = body.substr(0, end);
  const std::size_t at = single(inside, family.suffix, begin);
  if (at == kNone) return std::nullopt;
  return hole(inside.substr(begin, at - begin), inside.substr(at + family.suffix.size()), family.spaced);
}

// <prefix><suffix>S<middle>P, and with P before S in the markers' own order: <suffix>S<prefix>P<middle>.
std::optional<RawHole> read_spm(std::string_view text, const FimFamily& family) {
  std::string_view rest = text;
  if (!rest.starts_with(family.prefix)) return std::nullopt;
  rest.remove_prefix(family.prefix.size());
  if (family.spaced && rest.starts_with(' ')) rest.remove_prefix(1);
  if (!rest.starts_with(family.suffix)) return std::nullopt;
  rest.remove_prefix(family.suffix.size());
  const std::size_t at = single(rest, family.middle, 0);
  if (at == kNone) return std::nullopt;
  std::string_view prefix = rest.substr(at + family.middle.size());
  if (family.spaced && prefix.starts_with(' ')) prefix.remove_prefix(1);
  std::string_view suffix = rest.substr(0, at);
  if (family.spaced && suffix.ends_with(' ')) suffix.remove_suffix(1);
  return RawHole{std::string(prefix), std::string(suffix), {}, {}, {}};
}

// <suffix>S<prefix>P, with or without a <middle> at its end.
std::optional<RawHole> read_suffix_first(std::string_view text, const FimFamily& family) {
  if (!text.starts_with(family.suffix)) return std::nullopt;
  const bool closed = without_end(text).ends_with(family.middle);
  // Only where the model is asked so do two markers make a frame: elsewhere the third one has to be there.
  if (family.order != FimOrder::suffix_first && !closed) return std::nullopt;
  if (closed) {
    text = without_end(text);
    text.remove_suffix(family.middle.size());
  }
  const std::size_t begin = family.suffix.size();
  const std::size_t at = single(text, family.prefix, begin);
  if (at == kNone) return std::nullopt;
  return RawHole{
      std::string(text.substr(at + family.prefix.size())), std::string(text.substr(begin, at - begin)), {}, {}, {}};
}

std::optional<RawHole> read_frame(std::string_view text, const FimFamily& family) {
  if (auto found = read_psm(text, family)) return found;
  if (auto found = read_spm(text, family)) return found;
  return read_suffix_first(text, family);
}

// A name up to the end of its line.
std::string take_name(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string name(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return name;
}

// <repository>NAME, then <file>NAME\nTEXT for each neighbour, then <file>, perhaps with a name, before the frame.
bool read_header(std::string_view header, const FimFamily& family, RawHole& out) {
  if (header.empty()) return true;
  if (family.file.empty()) return false;
  const bool repository = !family.repository.empty() && header.starts_with(family.repository);
  if (!repository && !header.starts_with(family.file)) return false;
  if (repository) {
    header.remove_prefix(family.repository.size());
    const std::size_t end = std::min(header.find(family.file), header.size());
    std::string_view name = header.substr(0, end);
    out.repository = take_name(name);
    header.remove_prefix(end);
  }
  while (!header.empty()) {
    header.remove_prefix(family.file.size());
    const std::size_t end = std::min(header.find(family.file), header.size());
    std::string_view file = header.substr(0, end);
    header.remove_prefix(end);
    std::string name = take_name(file);
    if (header.empty() && file.find_first_not_of("\r\n") == kNone) {
      out.filename = std::move(name);
    } else {
      out.extra.push_back({std::move(name), std::string(file)});
    }
  }
  return true;
}

// Where the frame begins: at the start, or behind a header of the family.
std::optional<RawHole> read_family(std::string_view text, const FimFamily& family) {
  if (auto found = read_frame(text, family)) return found;
  const bool header = (!family.file.empty() && text.starts_with(family.file)) ||
                      (!family.repository.empty() && text.starts_with(family.repository));
  if (!header) return std::nullopt;
  const std::size_t at = single(text, family.prefix, 0);
  if (at == kNone) return std::nullopt;
  auto found = read_frame(text.substr(at), family);
  if (!found || !read_header(text.substr(0, at), family, *found)) return std::nullopt;
  return found;
}

}  // namespace

std::optional<RawHole> read_raw_prompt(std::string_view prompt) {
  for (const std::string_view start : kStarts) {
    if (!prompt.starts_with(start)) continue;
    prompt.remove_prefix(start.size());
    if (prompt.starts_with(' ')) prompt.remove_prefix(1);
    break;
  }
  for (const FimFamily& family : completion::fim_families()) {
    if (auto found = read_family(prompt, family)) return found;
  }
  return std::nullopt;
}

bool take_raw_prompt(completion::Request& request) {
  auto found = read_raw_prompt(request.prefix);
  if (!found) return false;
  request.prefix = std::move(found->prefix);
  request.suffix = std::move(found->suffix);
  request.extra = std::move(found->extra);
  request.repository = std::move(found->repository);
  request.filename = std::move(found->filename);
  return true;
}

}  // namespace blindbox::api
