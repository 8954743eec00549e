// SPDX-License-Identifier: Apache-2.0
// The head of a message as values, and how it is written. Values come from a strict parser, so no field holds a line
// break, and the writer states the framing itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

// The first field of that name in any case.
[[nodiscard]] std::optional<std::string_view> find_field(const Fields& fields, std::string_view name);
// Without the fields that belong to one connection alone (RFC 9110 section 7.6.1) and those that state the framing.
[[nodiscard]] Fields end_to_end(const Fields& fields);
// ASCII, case-insensitive.
[[nodiscard]] bool equal_names(std::string_view a, std::string_view b);

struct Framing {
  enum class Kind { none, length, chunked } kind = Kind::none;
  std::uint64_t length = 0;
};

struct RequestHead {
  std::string method;
  std::string target;
  Fields fields;
  Framing framing;
  bool keep_alive = true;
  bool expects_continue = false;
  bool http_1_0 = false;
};

struct ResponseHead {
  unsigned status = 200;
  Fields fields;
  Framing framing;
  bool keep_alive = true;
};

[[nodiscard]] std::string write_head(const RequestHead& head);
[[nodiscard]] std::string write_head(const ResponseHead& head);

// One piece of a chunked body. An empty piece would end the body and is written as nothing.
[[nodiscard]] std::string write_chunk(ByteView piece);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// Appends a piece of a body in its framing, and with the last one what ends it.
void append_piece(std::string& text, ByteView piece, Framing::Kind kind, bool last);

// "OK" for 200 and so on; "Unknown" for a status without a name.
[[nodiscard]] std::string reason(unsigned status);

}  // namespace blindbox::http
