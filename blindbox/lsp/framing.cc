// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/framing.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "blindbox/base/bytes.h"

namespace blindbox::lsp {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_content_length(std::string_view name) {
  constexpr std::string_view kName = "content-length";
  return std::equal(name.begin(), name.end(), kName.begin(), kName.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; });
}

tl::unexpected<Error> no_header(const std::string& what) {
  return base::fail(ErrorKind::protocol, "this is no language client", what,
                    "\"blindbox lsp\" is started by an editor; see docs/editors.md");
}

}  // namespace

Result<void> FrameReader::take_header() {
  std::optional<std::size_t> length;
  std::string_view rest(header_);
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return no_header("a header line has no colon");
    if (!is_content_length(trimmed(line.substr(0, colon)))) continue;
    const std::string_view digits = trimmed(line.substr(colon + 1));
    std::size_t value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || stop != digits.data() + digits.size() || length) {
      return no_header("Content-Length is not one number");
    }
    length = value;
  }
  if (!length) return no_header("a message has no Content-Length");
  if (*length > kMessageCap) {
    return base::fail(ErrorKind::limit, "a message of the editor is too large",
                      std::to_string(*length) + " bytes, " + std::to_string(kMessageCap) + " at most");
  }
  header_.clear();
  missing_ = *length;
  return {};
}

Result<std::vector<std::string>> FrameReader::feed(std::string_view piece) {
  std::vector<std::string> messages;
  while (!piece.empty()) {
    if (missing_ > 0) {
      const std::size_t size = std::min(missing_, piece.size());
      content_ += piece.substr(0, size);
      piece.remove_prefix(size);
      missing_ -= size;
      if (missing_ == 0) messages.push_back(std::exchange(content_, {}));
      continue;
    }
    header_ += piece.front();
    piece.remove_prefix(1);
    if (header_.size() > kHeaderCap) return no_header("a header has no end");
    if (!header_.ends_with(kEnd)) continue;
    header_.resize(header_.size() - kEnd.size());
    if (auto taken = take_header(); !taken) return base::pass_on(taken);
    if (missing_ == 0) messages.emplace_back();
  }
  return messages;
}

std::string write_frame(std::string_view content) {
  return "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + std::string(content);
}

}  // namespace blindbox::lsp
