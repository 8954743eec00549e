// SPDX-License-Identifier: Apache-2.0
// Certificates and revocation lists: DER one after the other, a PkiPath, and PEM with anything between the blocks.
#include <openssl/err.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <vector>

#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake::internal {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

// The SEQUENCE that the bytes begin with, header included, in DER's definite lengths; nothing where there is none.
std::optional<ByteView> first_sequence(ByteView bytes) {
  if (bytes.size() < 2 || bytes[0] != std::byte{0x30}) return std::nullopt;
  std::size_t length = std::to_integer<std::size_t>(bytes[1]);
  std::size_t header = 2;
  if (length >= 0x80) {
    const std::size_t width = length & 0x7F;
    if (width == 0 || width > 4 || bytes.size() < 2 + width) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < width; ++i) length = length << 8 | std::to_integer<std::size_t>(bytes[2 + i]);
    header += width;
  }
  if (length > bytes.size() - header) return std::nullopt;
  return bytes.first(header + length);
}

// SEQUENCEs that fill the bytes; unused room at the end may be zeros or a line's end.
std::optional<std::vector<ByteView>> sequences(ByteView bytes) {
  std::vector<ByteView> out;
  while (!bytes.empty()) {
    const auto next = first_sequence(bytes);
    if (!next) break;
    out.push_back(*next);
    bytes = bytes.subspan(next->size());
  }
  if (out.empty() || !(base::all_zero(bytes) || trim(base::as_text(bytes)).empty())) return std::nullopt;
  return out;
}

enum class Kind { certificate, crl, unknown };

template <typename Object>
bool parses(Object* (*parse)(Object**, const unsigned char**, long), void (*release)(Object*), ByteView der) {
  const unsigned char* at = base::uchars(der);
  const std::unique_ptr<Object, void (*)(Object*)> object(parse(nullptr, &at, static_cast<long>(der.size())), release);
  ERR_clear_error();
  return object && at == base::uchars(der) + der.size();
}

Kind kind_of(ByteView der) {
  if (parses(&d2i_X509, &X509_free, der)) return Kind::certificate;
  return parses(&d2i_X509_CRL, &X509_CRL_free, der) ? Kind::crl : Kind::unknown;
}

Result<void> take(ByteView der, Kind kind, const Reading& reading) {
  return kind == Kind::crl ? reading.collector.take_crl(der) : reading.collector.take_certificate(der);
}

// A PkiPath is a SEQUENCE of certificates.
Result<bool> read_path(ByteView der, const Reading& reading) {
  const std::size_t header =
      std::to_integer<std::size_t>(der[1]) < 0x80 ? 2 : 2 + (std::to_integer<std::size_t>(der[1]) & 0x7F);
  const auto members = sequences(der.subspan(header));
  if (!members) return false;
  for (const ByteView member : *members) {
    if (kind_of(member) != Kind::certificate) return false;
  }
  for (const ByteView member : *members) {
    if (const auto taken = take(member, Kind::certificate, reading); !taken) {
      return tl::unexpected<Error>(taken.error());
    }
  }
  return true;
}

// The DER of the block that begins at text, and how much of the text it takes. Blocks of other kinds give no bytes.
struct Block {
  Bytes der;
  std::size_t size = 0;
};

Result<Block> read_block(std::string_view text, const Reading& reading) {
  const auto label_end = text.find(kDashes, kBegin.size());
  if (label_end == std::string_view::npos) return broken(reading, "a PEM block has no end");
  const std::string label(text.substr(kBegin.size(), label_end - kBegin.size()));
  const std::string end_line = std::string(kEnd) + label + std::string(kDashes);
  const auto end = text.find(end_line, label_end);
  if (end == std::string_view::npos) return broken(reading, "a PEM block has no end");
  Block block{.der = {}, .size = end + end_line.size()};
  if (label != "CERTIFICATE" && label != "X509 CERTIFICATE" && label != "X509 CRL") return block;
  const std::size_t body = label_end + kDashes.size();
  auto der = decode_base64(text.substr(body, end - body));
  if (!der || der->empty()) return broken(reading, "a PEM block is not base64");
  block.der = *std::move(der);
  return block;
}

// Texts that went through a shell's or a program's quotes write a line's end as backslash and n.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 'r');
    out += escaped ? '\n' : text[i];
    if (escaped) ++i;
  }
  return out;
}

}  // namespace

Result<bool> read_der(ByteView bytes, const Reading& reading) {
  const auto elements = sequences(bytes);
  if (!elements) return false;
  bool any = false;
  for (const ByteView element : *elements) {
    const Kind kind = kind_of(element);
    if (kind == Kind::unknown) {
      auto path = read_path(element, reading);
      if (!path) return path;
      if (!*path && any) return broken(reading, "something among the DER is no certificate and no revocation list");
      if (!*path) return false;
    } else if (const auto taken = take(element, kind, reading); !taken) {
      return tl::unexpected<Error>(taken.error());
    }
    any = true;
  }
  return any;
}

Result<bool> read_pem(ByteView bytes, const Reading& reading) {
  std::string_view text = base::as_text(bytes);
  // A file that begins like JSON has its PEM, if any, in its members.
  if (text.find(kBegin) == std::string_view::npos || trim(text).starts_with('{') || trim(text).starts_with('[')) {
    return false;
  }
  std::string unescaped;
  if (text.find("-----\\n") != std::string_view::npos) text = unescaped = unescape(text);
  bool any = false;
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin)) {
    text.remove_prefix(at);
    auto block = read_block(text, reading);
    if (!block) return base::pass_on(block);
    text.remove_prefix(block->size);
    if (block->der.empty()) continue;
    const Kind kind = kind_of(block->der);
    if (kind == Kind::unknown) return broken(reading, "a PEM block is no certificate and no revocation list");
    if (const auto taken = take(block->der, kind, reading); !taken) return tl::unexpected<Error>(taken.error());
    any = true;
  }
  return any;
}

}  // namespace blindbox::intake::internal
