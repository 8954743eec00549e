// SPDX-License-Identifier: Apache-2.0
// Certificates and revocation lists: DER one after the other, a PkiPath, and PEM with anything between the blocks.
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <iterator>
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
constexpr std::size_t kMostLabel = 64;

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

// SEQUENCEs that fill the bytes; unused room at the end may be zeros or a line's end. More than any evidence holds are
// nothing that is known.
std::optional<std::vector<ByteView>> sequences(ByteView bytes) {
  std::vector<ByteView> out;
  while (!bytes.empty()) {
    const auto next = first_sequence(bytes);
    if (!next) break;
    if (out.size() == kMostEndorsements) return std::nullopt;
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

struct Element {
  Bytes der;
  Kind kind = Kind::unknown;
};

Result<bool> take_all(const std::vector<Element>& elements, const Reading& reading) {
  for (const Element& element : elements) {
    const auto taken = element.kind == Kind::crl ? reading.collector.take_crl(element.der)
                                                 : reading.collector.take_certificate(element.der);
    if (!taken) return tl::unexpected<Error>(taken.error());
  }
  return !elements.empty();
}

// A PkiPath is a SEQUENCE of certificates: its members, or nothing where it is none.
std::vector<Element> path_members(ByteView der) {
  const std::size_t header =
      std::to_integer<std::size_t>(der[1]) < 0x80 ? 2 : 2 + (std::to_integer<std::size_t>(der[1]) & 0x7F);
  std::vector<Element> out;
  const auto members = sequences(der.subspan(header));
  if (!members) return out;
  for (const ByteView member : *members) {
    if (kind_of(member) != Kind::certificate) return {};
    out.push_back({base::to_bytes(member), Kind::certificate});
  }
  return out;
}

// RFC 1421 allows headers ("Name: value") before the data, which an empty line ends.
std::string_view without_headers(std::string_view body) {
  const std::string_view text = trim(body);
  if (text.substr(0, text.find('\n')).find(':') == std::string_view::npos) return body;
  for (const std::string_view gap : {"\n\n", "\r\n\r\n"}) {
    if (const auto at = text.find(gap); at != std::string_view::npos) return text.substr(at);
  }
  return body;
}

// The DER of the block that begins at text, and how much of the text it takes. Blocks of other kinds give no bytes.
struct Block {
  Bytes der;
  std::size_t size = 0;
  const char* problem = nullptr;  // why it is none
};

Block read_block(std::string_view text) {
  constexpr const char* kNoEnd = "a PEM block has no end";
  const auto label_end = text.find(kDashes, kBegin.size());
  if (label_end == std::string_view::npos || label_end > kBegin.size() + kMostLabel) return {{}, 0, kNoEnd};
  const std::string label(text.substr(kBegin.size(), label_end - kBegin.size()));
  const std::string end_line = std::string(kEnd) + label + std::string(kDashes);
  const auto end = text.find(end_line, label_end);
  if (end == std::string_view::npos) return {{}, 0, kNoEnd};
  Block block{{}, end + end_line.size(), nullptr};
  if (label != "CERTIFICATE" && label != "X509 CERTIFICATE" && label != "X509 CRL") {
    return block;
  }
  const std::size_t body = label_end + kDashes.size();
  auto der = decode_base64(without_headers(text.substr(body, end - body)));
  if (!der || der->empty()) return {{}, 0, "a PEM block is not base64"};
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
  const auto series = sequences(bytes);
  if (!series) return false;
  std::vector<Element> elements;
  for (const ByteView der : *series) {
    const Kind kind = kind_of(der);
    if (kind != Kind::unknown) {
      elements.push_back({base::to_bytes(der), kind});
      continue;
    }
    std::vector<Element> members = path_members(der);
    if (members.empty()) {
      return elements.empty() ? Result<bool>(false)
                              : unreadable(reading, "something among the DER is no certificate and no revocation list");
    }
    std::ranges::move(members, std::back_inserter(elements));
  }
  return take_all(elements, reading);
}

Result<bool> read_pem(ByteView bytes, const Reading& reading) {
  std::string_view text = base::as_text(bytes);
  // A file that begins like JSON has its PEM, if any, in its members.
  if (text.find(kBegin) == std::string_view::npos || trim(text).starts_with('{') || trim(text).starts_with('[')) {
    return false;
  }
  std::string unescaped;
  if (text.find("-----\\n") != std::string_view::npos) text = unescaped = unescape(text);
  std::vector<Element> elements;
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin)) {
    text.remove_prefix(at);
    Block block = read_block(text);
    if (block.problem != nullptr) return unreadable(reading, block.problem);
    text.remove_prefix(block.size);
    if (block.der.empty()) continue;
    const Kind kind = kind_of(block.der);
    if (kind == Kind::unknown) return unreadable(reading, "a PEM block is no certificate and no revocation list");
    if (elements.size() == kMostEndorsements) return unreadable(reading, "more PEM blocks than any evidence has");
    elements.push_back({std::move(block.der), kind});
  }
  return take_all(elements, reading);
}

}  // namespace blindbox::intake::internal
