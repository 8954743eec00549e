// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/status.hpp>
#include <iterator>

#include "blindbox/base/bytes.h"

namespace blindbox::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::array<std::string_view, 11> kHopByHop = {
    "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te",
    "trailer",    "upgrade",    "expect",           "transfer-encoding",  "content-length"};

bool listed(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string_view token = list.substr(0, comma);
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (equal_names(token, name)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

void write_fields(std::string& text, const Fields& fields, const Framing& framing, bool keep_alive) {
  for (const auto& [name, value] : fields) text += name + ": " + value + "\r\n";
  if (framing.kind == Framing::Kind::chunked) text += "Transfer-Encoding: chunked\r\n";
  if (framing.kind == Framing::Kind::length) text += fmt::format("Content-Length: {}\r\n", framing.length);
  text += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
}

}  // namespace

bool equal_names(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> find_field(const Fields& fields, std::string_view name) {
  for (const auto& [candidate, value] : fields) {
    if (equal_names(candidate, name)) return value;
  }
  return std::nullopt;
}

Fields end_to_end(const Fields& fields) {
  Fields kept;
  for (const auto& field : fields) {
    const std::string_view name = field.first;
    const bool hop_by_hop =
        std::any_of(kHopByHop.begin(), kHopByHop.end(), [&](std::string_view hop) { return equal_names(hop, name); });
    const bool named_by_connection = std::any_of(fields.begin(), fields.end(), [&](const auto& other) {
      return equal_names(other.first, "connection") && listed(other.second, name);
    });
    if (!hop_by_hop && !named_by_connection) kept.push_back(field);
  }
  return kept;
}

std::string write_head(const RequestHead& head) {
  std::string text = head.method + " " + head.target + " HTTP/1.1\r\n";
  write_fields(text, head.fields, head.framing, head.keep_alive);
  return text;
}

std::string write_head(const ResponseHead& head) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason(head.status));
  write_fields(text, head.fields, head.framing, head.keep_alive);
  return text;
}

std::string write_chunk(ByteView piece) {
  std::string text;
  append_piece(text, piece, Framing::Kind::chunked, false);
  return text;
}

void append_piece(std::string& text, ByteView piece, Framing::Kind kind, bool last) {
  constexpr std::size_t kFraming = 32;
  text.reserve(text.size() + piece.size() + kFraming);
  const bool chunked = kind == Framing::Kind::chunked;
  if (chunked && !piece.empty()) fmt::format_to(std::back_inserter(text), "{:x}\r\n", piece.size());
  text += base::as_text(piece);
  if (chunked && !piece.empty()) text += "\r\n";
  if (chunked && last) text += kLastChunk;
}

std::string reason(unsigned status) {
  return std::string(boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status)));
}

}  // namespace blindbox::http
