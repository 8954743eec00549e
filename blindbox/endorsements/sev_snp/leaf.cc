// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/sev_snp/leaf.h"

#include <openssl/objects.h>
#include <openssl/x509.h>

#include <map>

namespace blindbox::endorsements::sev_snp {
namespace {

using base::fail;
using evidence::sev_snp::Product;
using evidence::sev_snp::SigningKey;

constexpr std::string_view kArc = "1.3.6.1.4.1.3704.1.";

// AMD's extensions by their number below the arc: "3.8" -> the bytes inside the OCTET STRING.
using Extensions = std::map<std::string, ByteView, std::less<>>;

Result<Extensions> collect(X509* x509) {
  Extensions found;
  for (int i = 0; i < X509_get_ext_count(x509); ++i) {
    X509_EXTENSION* extension = X509_get_ext(x509, i);
    char name[80] = {};
    const int length = OBJ_obj2txt(name, sizeof name, X509_EXTENSION_get_object(extension), 1);
    const std::string_view oid(name);
    if (length <= 0 || length >= static_cast<int>(sizeof name) || !oid.starts_with(kArc)) continue;
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
    const ByteView bytes =
        std::as_bytes(std::span(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))));
    if (!found.emplace(oid.substr(kArc.size()), bytes).second) {
      return fail(ErrorKind::malformed, "the leaf certificate has extension " + std::string(oid) + " twice");
    }
  }
  return found;
}

// Reads what it needs and keeps the first problem.
class LeafReader {
 public:
  explicit LeafReader(const Extensions& extensions) : extensions_(extensions) {}

  ByteView raw(std::string_view number) {
    const auto found = extensions_.find(number);
    if (found != extensions_.end()) return found->second;
    note("extension " + std::string(kArc) + std::string(number) + " is missing");
    return {};
  }

  // A DER INTEGER from 0 to 255: 02 01 xx below 128, 02 02 00 xx above, no other spelling.
  std::uint8_t number(std::string_view number) {
    const ByteView bytes = raw(number);
    const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
    if (bytes.size() == 3 && at(0) == 2 && at(1) == 1 && at(2) < 0x80) return static_cast<std::uint8_t>(at(2));
    if (bytes.size() == 4 && at(0) == 2 && at(1) == 2 && at(2) == 0 && at(3) >= 0x80) {
      return static_cast<std::uint8_t>(at(3));
    }
    note("extension " + std::string(kArc) + std::string(number) + " is no DER INTEGER from 0 to 255");
    return 0;
  }

  // An IA5String with a length of one byte.
  std::string_view text(std::string_view number) {
    const ByteView bytes = raw(number);
    if (bytes.size() >= 2 && bytes[0] == std::byte{0x16} && std::to_integer<std::size_t>(bytes[1]) < 0x80 &&
        std::to_integer<std::size_t>(bytes[1]) == bytes.size() - 2) {
      return base::as_text(bytes.subspan(2));
    }
    note("extension " + std::string(kArc) + std::string(number) + " is no IA5String");
    return {};
  }

  void must(bool holds, std::string what) {
    if (!holds) note(std::move(what));
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  void note(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }

  const Extensions& extensions_;
  std::string problem_;
};

// "Milan-B0", and plain "Genoa" and "Turin"; a stepping may follow the name.
std::optional<Product> product_of(std::string_view product_name) {
  return evidence::sev_snp::product_from_name(product_name.substr(0, product_name.find('-')));
}

}  // namespace

Result<LeafClaims> read_leaf(const Certificate& leaf, SigningKey kind) {
  auto extensions = collect(leaf.get());
  if (!extensions) return base::pass_on(extensions);
  LeafReader reader(*extensions);
  LeafClaims claims;
  const std::uint8_t struct_version = reader.number("1");
  const std::string_view name = reader.text("2");
  const auto product = product_of(name);
  reader.must(product.has_value(), "the leaf certificate names an unknown product");
  claims.product = product.value_or(Product::milan);
  const bool turin = claims.product == Product::turin;
  reader.must(struct_version == (turin ? 1 : 0), "structVersion does not fit the product");
  claims.tcb.bootloader = reader.number("3.1");
  claims.tcb.tee = reader.number("3.2");
  claims.tcb.snp = reader.number("3.3");
  claims.tcb.microcode = reader.number("3.8");
  if (turin) claims.tcb.fmc = reader.number("3.9");
  reader.must(turin || !extensions->contains("3.9"), "a security patch level for FMC, which this product has not");
  if (kind == SigningKey::vcek) {
    claims.hwid = base::to_bytes(reader.raw("4"));
    reader.must(claims.hwid.size() == (turin ? 8U : 64U), "HWID has " + std::to_string(claims.hwid.size()) + " bytes");
    reader.must(!extensions->contains("5"), "a VCEK that names a cloud provider");
  } else {
    (void)reader.text("5");
    reader.must(!extensions->contains("4"), "a VLEK that names a chip");
  }
  if (!reader.problem().empty()) {
    return fail(ErrorKind::malformed, "the leaf certificate's extensions are wrong", reader.problem());
  }
  return claims;
}

}  // namespace blindbox::endorsements::sev_snp
