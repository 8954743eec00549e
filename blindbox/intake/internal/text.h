// SPDX-License-Identifier: Apache-2.0
// Texts that stand for bytes, as people and tools write them.
#pragma once

#include <optional>
#include <string_view>

#include "blindbox/base/bytes.h"

namespace blindbox::intake::internal {

[[nodiscard]] std::string_view trim(std::string_view text);

// The bytes without the line's end that an editor or a shell puts behind whatever it writes; all of them where there is none.
[[nodiscard]] ByteView without_line_end(ByteView bytes);

// Hexadecimal digits of either case with white space, commas and colons between bytes, each byte or the whole behind
// "0x", or each behind a backslash and "x". Nothing for anything else, or for no digit at all.
[[nodiscard]] std::optional<Bytes> decode_hex(std::string_view text);

// RFC 4648, sections 4 and 5 (url-safe), with white space anywhere and with or without padding. Nothing for anything
// else.
[[nodiscard]] std::optional<Bytes> decode_base64(std::string_view text);

// A list of bytes as programs write it: numbers in decimal, or in hexadecimal behind "0x", within brackets or braces, a
// declaration before and after it ("xxd -i"). Nothing for anything else.
[[nodiscard]] std::optional<Bytes> decode_byte_list(std::string_view text);

// UTF-16 of either order behind its byte order mark, as UTF-8. Nothing for anything else.
[[nodiscard]] std::optional<Bytes> decode_utf16(ByteView bytes);

}  // namespace blindbox::intake::internal
