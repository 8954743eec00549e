// SPDX-License-Identifier: Apache-2.0
#include "blindbox/intake/internal/text.h"

#include <charconv>

#include "blindbox/intake/internal/recognise.h"

namespace blindbox::intake::internal {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";
constexpr std::size_t kLeastEncoded = 32;  // characters: nothing shorter holds a piece of evidence

bool is_space(char c) { return kSpace.find(c) != std::string_view::npos; }

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

void append_utf8(std::uint32_t point, Bytes& out) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<std::byte>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0U | point >> 6);
  } else {
    if (point < 0x10000) {
      put(0xE0U | point >> 12);
    } else {
      put(0xF0U | point >> 18);
      put(0x80U | (point >> 12 & 0x3FU));
    }
    put(0x80U | (point >> 6 & 0x3FU));
  }
  put(0x80U | (point & 0x3FU));
}

}  // namespace

std::optional<Bytes> decode_utf16(ByteView bytes) {
  const std::string_view text = base::as_text(bytes);
  const bool little = text.starts_with("\xFF\xFE");
  if (bytes.size() % 2 != 0 || !(little || text.starts_with("\xFE\xFF"))) return std::nullopt;
  const auto unit = [&](std::size_t at) {
    return std::to_integer<std::uint32_t>(bytes[at + (little ? 1 : 0)]) << 8 |
           std::to_integer<std::uint32_t>(bytes[at + (little ? 0 : 1)]);
  };
  Bytes out;
  out.reserve(bytes.size() / 2);
  for (std::size_t at = 2; at < bytes.size(); at += 2) {
    std::uint32_t point = unit(at);
    if (point >= 0xDC00 && point < 0xE000) return std::nullopt;
    if (point >= 0xD800 && point < 0xDC00) {
      if (at + 2 == bytes.size()) return std::nullopt;
      const std::uint32_t low = unit(at += 2);
      if (low < 0xDC00 || low >= 0xE000) return std::nullopt;
      point = 0x10000 + ((point - 0xD800) << 10 | (low - 0xDC00));
    }
    append_utf8(point, out);
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

ByteView without_line_end(ByteView bytes) {
  const std::string_view text = base::as_text(bytes);
  const std::size_t end = text.ends_with("\r\n") ? 2 : text.ends_with('\n') ? 1 : 0;
  return bytes.first(bytes.size() - end);
}

std::optional<Bytes> decode_byte_list(std::string_view text) {
  constexpr std::size_t kMostDeclaration = 256;
  std::size_t begin = text.find('{');
  if (begin == std::string_view::npos) begin = text.find('[');
  if (begin == std::string_view::npos || begin > kMostDeclaration) return std::nullopt;
  const std::size_t end = text.find(text[begin] == '{' ? '}' : ']', begin);
  if (end == std::string_view::npos || text.size() - end > kMostDeclaration) return std::nullopt;
  std::string_view rest = trim(text.substr(begin + 1, end - begin - 1));
  Bytes out;
  while (!rest.empty()) {
    const bool hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    if (hexadecimal) rest.remove_prefix(2);
    unsigned value = 256;
    const auto [at, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, hexadecimal ? 16 : 10);
    if (error != std::errc{} || value > 255) return std::nullopt;
    out.push_back(static_cast<std::byte>(value));
    rest = trim(rest.substr(static_cast<std::size_t>(at - rest.data())));
    if (!rest.empty() && rest.front() != ',') return std::nullopt;  // between two, and behind the last one at will
    if (!rest.empty()) rest = trim(rest.substr(1));
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::optional<Bytes> decode_hex(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_space(c) || c == ',' || c == ':') continue;
    // A prefix opens a byte: 0x2 0x0 would leave it open whether a digit is a byte.
    const bool prefix = (c == '0' || c == '\\') && i + 1 < text.size() && (text[i + 1] == 'x' || text[i + 1] == 'X');
    if (prefix && digits.size() % 2 == 0) {
      ++i;
      continue;
    }
    if (!is_hex(c)) return std::nullopt;
    digits += c;
  }
  if (digits.empty()) return std::nullopt;
  auto bytes = base::from_hex(digits);
  if (!bytes) return std::nullopt;
  return *std::move(bytes);
}

std::optional<Bytes> decode_base64(std::string_view text) {
  std::string compact;
  std::size_t padding = 0;
  for (const char c : text) {
    if (is_space(c)) continue;
    const char plain = c == '-' ? '+' : c == '_' ? '/' : c;
    if (plain == '=') {
      ++padding;
    } else if (padding > 0 || !is_base64(plain)) {
      return std::nullopt;
    } else {
      compact += plain;
    }
  }
  if (padding > 2 || compact.size() % 4 == 1 || (padding > 0 && (compact.size() + padding) % 4 != 0)) {
    return std::nullopt;
  }
  compact.append((4 - compact.size() % 4) % 4, '=');
  auto bytes = base::from_base64(compact);
  if (!bytes) return std::nullopt;
  return *std::move(bytes);
}

namespace {

// As pasted from a program or a shell: '...', "..." and Python's b'...'.
std::string_view without_quotes(std::string_view text) {
  if (text.starts_with("b'") || text.starts_with("b\"")) text.remove_prefix(1);
  const bool quoted = text.size() > 1 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

Result<bool> read_encoded(ByteView bytes, const Reading& reading) {
  const std::string_view text = without_quotes(trim(base::as_text(bytes)));
  if (text.size() < kLeastEncoded) return false;
  if (const auto list = decode_byte_list(text)) return recognise(*list, reading.decoded());
  // Every hexadecimal text of a suitable length is base64 too, of something else.
  if (const auto decoded = decode_hex(text)) {
    auto known = recognise(*decoded, reading.decoded());
    if (!known || *known) return known;
  }
  const auto decoded = decode_base64(text);
  if (!decoded) return false;
  return recognise(*decoded, reading.decoded());
}

// Azure's container policies are Rego of the package "policy"; HOST_DATA covers them byte for byte.
Result<bool> read_security_policy(ByteView bytes, const Reading& reading) {
  const std::string_view text = base::as_text(bytes);
  if (!base::is_utf8(text)) return false;
  std::string_view rest = text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
  while (true) {
    rest = trim(rest);
    if (!rest.starts_with('#')) break;
    const auto line_end = rest.find('\n');
    rest = line_end == std::string_view::npos ? std::string_view{} : rest.substr(line_end);
  }
  if (!rest.starts_with("package ") && !rest.starts_with("package\t")) return false;
  if (const auto taken = reading.collector.take(Part::security_policy, bytes); !taken) {
    return tl::unexpected<Error>(taken.error());
  }
  return true;
}

}  // namespace blindbox::intake::internal
