// SPDX-License-Identifier: Apache-2.0
#include "tests/vectors/made_uvm.h"

#include <openssl/rsa.h>

#include <algorithm>

#include "blindbox/base/digest.h"
#include "blindbox/evidence/cbor.h"

namespace blindbox::vectors {
namespace {

using evidence::CborWriter;
using openssl::Certificate;
using openssl::DigestContext;
using openssl::Extension;

const base::Time kFrom = base::now() - std::chrono::hours(48);
const base::Time kUntil = base::now() + std::chrono::hours(24 * 365);

void extend(X509* x509, X509* issuer, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  X509_add_ext(x509, extension.get(), -1);
}

struct Issue {
  const char* name;
  EVP_PKEY* key;
  X509* issuer;  // nullptr: itself
  EVP_PKEY* issuer_key;
  base::Time until = kUntil;
  std::string constraints, key_usage, eku{};
};

Certificate issue(const Issue& what, const std::string& digest) {
  Certificate x509(X509_new());
  X509_set_version(x509.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 7);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(what.name), -1, -1, 0);
  X509* issuer = what.issuer != nullptr ? what.issuer : x509.get();
  X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer));
  ASN1_TIME_set(X509_getm_notBefore(x509.get()), kFrom.time_since_epoch().count());
  ASN1_TIME_set(X509_getm_notAfter(x509.get()), what.until.time_since_epoch().count());
  X509_set_pubkey(x509.get(), what.key);
  extend(x509.get(), issuer, NID_basic_constraints, what.constraints);
  extend(x509.get(), issuer, NID_key_usage, what.key_usage);
  extend(x509.get(), issuer, NID_ext_key_usage, what.eku);
  extend(x509.get(), issuer, NID_subject_key_identifier, "hash");
  extend(x509.get(), issuer, NID_authority_key_identifier, "keyid");
  X509_sign(x509.get(), what.issuer_key, EVP_get_digestbyname(digest.c_str()));
  return x509;
}

Bytes der_of(X509* x509) {
  unsigned char* der = nullptr;
  const int length = i2d_X509(x509, &der);
  Bytes out = base::to_bytes(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return out;
}

// Leaf, intermediate, root.
std::vector<Bytes> make_chain(const MadeUvm& made, const emulator::Keys& keys) {
  const Certificate root = issue({.name = "Test Root",
                                  .key = keys.ark.get(),
                                  .issuer = nullptr,
                                  .issuer_key = keys.ark.get(),
                                  .constraints = made.root_constraints,
                                  .key_usage = "critical,keyCertSign,cRLSign"},
                                 "SHA2-384");
  const Certificate intermediate = issue({.name = "Test Intermediate",
                                          .key = keys.ask.get(),
                                          .issuer = root.get(),
                                          .issuer_key = keys.ark.get(),
                                          .constraints = made.intermediate_constraints,
                                          .key_usage = made.intermediate_key_usage},
                                         "SHA2-384");
  const Certificate leaf = issue({.name = "Test Signer",
                                  .key = made.sign_with_ec ? keys.vcek.get() : keys.asvk.get(),
                                  .issuer = made.leaf_by_root ? root.get() : intermediate.get(),
                                  .issuer_key = made.leaf_by_root ? keys.ark.get() : keys.ask.get(),
                                  .until = made.leaf_until,
                                  .constraints = made.leaf_constraints,
                                  .key_usage = made.leaf_key_usage,
                                  .eku = made.leaf_eku},
                                 made.certificate_digest);
  return {der_of(leaf.get()), der_of(intermediate.get()), der_of(root.get())};
}

// The encodings that CborWriter, which writes our own messages, has no need of.
void append(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }
Bytes head(unsigned major, std::uint64_t value) {
  CborWriter writer;
  writer.unsigned_integer(value);
  Bytes out = writer.take();
  out[0] |= static_cast<std::byte>(major << 5U);
  return out;
}
Bytes integer(std::int64_t value) {
  return value >= 0 ? head(0, static_cast<std::uint64_t>(value)) : head(1, static_cast<std::uint64_t>(-1 - value));
}
Bytes text(std::string_view value) {
  CborWriter writer;
  writer.text(value);
  return writer.take();
}
Bytes bytes(ByteView value) {
  CborWriter writer;
  writer.bytes(value);
  return writer.take();
}
Bytes time(base::Time value) {
  Bytes out = head(6, 1);
  append(out, integer(value.time_since_epoch().count()));
  return out;
}
using Members = std::vector<std::pair<Bytes, Bytes>>;
Bytes map(const Members& members) {
  Bytes out = head(5, members.size());
  for (const auto& [key, value] : members) append(out, key), append(out, value);
  return out;
}

Bytes protected_header(const MadeUvm& made, const std::vector<Bytes>& chain, const std::string& issuer) {
  Bytes x5chain = head(4, made.order.size());
  for (const std::size_t index : made.order) append(x5chain, bytes(chain[index]));
  Members members = {{integer(1), integer(made.algorithm)}, {integer(33), x5chain}};
  if (made.cwt) {
    members.emplace_back(integer(15), map({{integer(1), text(issuer)},
                                           {integer(2), text(made.feed)},
                                           {integer(6), time(made.signed_at)},
                                           {text("svn"), integer(static_cast<std::int64_t>(made.svn))}}));
    members.emplace_back(integer(258), integer(-43));
    members.emplace_back(integer(259), text("application/octet-stream"));
  } else {
    members.emplace_back(integer(3), text("application/json"));
    members.emplace_back(text("iss"), text(issuer));
    members.emplace_back(text("feed"), text(made.feed));
    members.emplace_back(text("signingtime"), time(made.signed_at));
  }
  return map(members);
}

Bytes sign(const MadeUvm& made, const emulator::Keys& keys, const Bytes& message) {
  EVP_PKEY* key = made.sign_with_ec ? keys.vcek.get() : keys.asvk.get();
  const EVP_MD* digest = EVP_get_digestbyname(made.digest.c_str());
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* rules = nullptr;
  EVP_DigestSignInit(context.get(), &rules, digest, nullptr, key);
  if (!made.sign_with_ec) {
    EVP_PKEY_CTX_set_rsa_padding(rules, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_mgf1_md(rules, digest);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(rules, made.salt_length);
  }
  std::size_t length = 0;
  EVP_DigestSign(context.get(), nullptr, &length, base::uchars(message), message.size());
  std::vector<unsigned char> signature(length);
  EVP_DigestSign(context.get(), signature.data(), &length, base::uchars(message), message.size());
  return base::to_bytes(std::as_bytes(std::span(signature.data(), length)));
}

std::string name_of(const std::string& eku, const Bytes& root) {
  std::string fingerprint = base::to_base64(base::sha256(root));
  std::replace(fingerprint.begin(), fingerprint.end(), '+', '-');
  std::replace(fingerprint.begin(), fingerprint.end(), '/', '_');
  fingerprint.erase(fingerprint.find_last_not_of('=') + 1);
  return "did:x509:0:sha256:" + fingerprint + "::eku:" + eku;
}

}  // namespace

std::string issuer_of(const MadeUvm& made, const emulator::Keys& keys) {
  return name_of(made.eku, make_chain(made, keys)[2]);
}

Bytes make_uvm(const MadeUvm& made, const emulator::Keys& keys) {
  const std::vector<Bytes> chain = make_chain(made, keys);
  const Bytes header = protected_header(made, chain, made.issuer.empty() ? name_of(made.eku, chain[2]) : made.issuer);
  const std::string json = R"({"x-ms-sevsnpvm-launchmeasurement": ")" + base::to_hex(made.measurement) +
                           R"(", "x-ms-sevsnpvm-guestsvn": ")" + std::to_string(made.svn) + R"("})";
  const Bytes payload = base::to_bytes(made.cwt ? ByteView(made.measurement) : base::view(json));
  Bytes message = head(4, 4);
  for (const Bytes& part : {text("Signature1"), bytes(header), bytes({}), bytes(payload)}) append(message, part);
  Bytes out = {std::byte{0xD2}};
  for (const Bytes& part : {head(4, 4), bytes(header), head(5, 0), bytes(payload), bytes(sign(made, keys, message))}) {
    append(out, part);
  }
  return out;
}

}  // namespace blindbox::vectors
