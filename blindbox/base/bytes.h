// SPDX-License-Identifier: Apache-2.0
// Bytes and their text forms. Views come in, values go out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::base {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
template <std::size_t N>
using ByteArray = std::array<std::byte, N>;

[[nodiscard]] inline ByteView view(std::string_view text) { return std::as_bytes(std::span(text)); }
[[nodiscard]] inline Bytes to_bytes(ByteView bytes) { return {bytes.begin(), bytes.end()}; }
[[nodiscard]] std::string_view as_text(ByteView bytes);
[[nodiscard]] inline const unsigned char* uchars(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Lower-case hexadecimal, two characters a byte.
[[nodiscard]] std::string to_hex(ByteView bytes);
// Either case; an odd length or another character is ErrorKind::malformed.
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

// RFC 4648 section 4. Line breaks are skipped when decoding; anything else foreign is malformed.
[[nodiscard]] std::string to_base64(ByteView bytes);
[[nodiscard]] Result<Bytes> from_base64(std::string_view text);

// Time depends on the lengths alone. Two empty views are NOT equal: an empty expectation never matches.
[[nodiscard]] bool constant_time_equal(ByteView a, ByteView b);

[[nodiscard]] bool all_zero(ByteView bytes);

// length bytes from the operating system's generator (OpenSSL RAND_bytes); aborts where it fails.
[[nodiscard]] Bytes random_bytes(std::size_t length);

// True when text is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace blindbox::base

namespace blindbox {
using base::ByteArray;
using base::Bytes;
using base::ByteView;
}  // namespace blindbox
