// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/cose.h"

#include "blindbox/evidence/cbor.h"

namespace blindbox::evidence {
namespace {

using Kind = CborValue::Kind;

constexpr std::uint64_t kSign1Tag = 18;

tl::unexpected<Error> malformed(std::string why) {
  return base::fail(ErrorKind::malformed, "malformed COSE_Sign1", std::move(why));
}

// RFC 9052 section 3: a label stands in one of the two headers.
bool share_a_label(const CborValue& a, const CborValue& b) {
  for (std::size_t i = 0; i < a.children.size(); i += 2) {
    for (std::size_t j = 0; j < b.children.size(); j += 2) {
      if (a.children[i].same_key(b.children[j])) return true;
    }
  }
  return false;
}

}  // namespace

Result<CoseSign1> parse_cose_sign1(ByteView cose) {
  if (cose.size() > kCoseCap) return malformed("larger than " + std::to_string(kCoseCap) + " bytes");
  auto root = parse_cbor(cose);
  if (!root) return malformed(root.error().detail);
  if (root->kind == Kind::tag && root->number != kSign1Tag) return malformed("another tag than 18");
  CborValue& array = root->kind == Kind::tag ? root->children[0] : *root;
  if (array.kind != Kind::array || array.children.size() != 4) return malformed("no array of four");
  const auto& parts = array.children;
  const auto header = parts[0].bytes(), payload = parts[2].bytes(), signature = parts[3].bytes();
  if (!header || parts[1].kind != Kind::map) return malformed("no headers");
  if (!payload) return malformed("no payload");
  if (!signature) return malformed("no signature");
  // No header at all is spelled as no bytes.
  CborValue protected_header{.kind = Kind::map, .number = 0, .content = {}, .children = {}};
  if (!header->empty()) {
    auto parsed = parse_cbor(*header);
    if (!parsed) return malformed("protected header: " + parsed.error().detail);
    if (parsed->kind != Kind::map) return malformed("the protected header is no map");
    protected_header = *std::move(parsed);
  }
  if (share_a_label(protected_header, parts[1])) return malformed("one label in both headers");
  return CoseSign1{std::move(protected_header), std::move(array.children[1]), *header, *payload, *signature};
}

Bytes signed_bytes(const CoseSign1& message) {
  CborWriter out;
  out.array(4);
  out.text("Signature1");
  out.bytes(message.protected_bytes);
  out.bytes({});
  out.bytes(message.payload);
  return out.take();
}

}  // namespace blindbox::evidence
