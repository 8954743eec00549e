// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/internal/certificates.h"

#include <openssl/rsa.h>

#include "blindbox/emulator/internal/must.h"

namespace blindbox::emulator::internal {
namespace {

using base::uchars;

// The order and the string types are those of AMD's certificates: a check may compare encoded names.
openssl::Name amd_name(const std::string& common_name) {
  openssl::Name name(must_have(X509_NAME_new(), "make a name"));
  const auto add = [&](const char* field, int type, const std::string& value) {
    must(X509_NAME_add_entry_by_txt(name.get(), field, type, uchars(base::view(value)), static_cast<int>(value.size()),
                                    -1, 0) == 1,
         "fill a name");
  };
  add("OU", V_ASN1_UTF8STRING, "Engineering");
  add("C", V_ASN1_PRINTABLESTRING, "US");
  add("L", V_ASN1_UTF8STRING, "Santa Clara");
  add("ST", V_ASN1_UTF8STRING, "CA");
  add("O", V_ASN1_UTF8STRING, "Advanced Micro Devices");
  add("CN", V_ASN1_UTF8STRING, common_name);
  return name;
}

openssl::Asn1Time asn1_time(base::Time time) {
  return openssl::Asn1Time(must_have(ASN1_TIME_set(nullptr, time.time_since_epoch().count()), "encode a time"));
}

base::Time years_later(base::Time time, int years) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date{day};
  date += std::chrono::years(years);
  if (!date.ok()) date = date.year() / date.month() / std::chrono::last;
  return std::chrono::sys_days(date) + (time - day);
}

openssl::Integer asn1_integer(std::uint64_t value) {
  openssl::Integer number(must_have(ASN1_INTEGER_new(), "make an integer"));
  must(ASN1_INTEGER_set_uint64(number.get(), value) == 1, "set an integer");
  return number;
}

// RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt of 48 bytes: what AMD signs with.
openssl::DigestContext pss_signer(EVP_PKEY* key) {
  openssl::DigestContext context(must_have(EVP_MD_CTX_new(), "make a digest context"));
  EVP_PKEY_CTX* padding = nullptr;
  must(EVP_DigestSignInit(context.get(), &padding, EVP_sha384(), nullptr, key) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, 48) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(padding, EVP_sha384()) == 1,
       "prepare an RSA-PSS signature");
  return context;
}

template <typename Encode, typename T>
Bytes to_der(Encode encode, T* object) {
  unsigned char* der = nullptr;
  const int length = encode(object, &der);
  must(length > 0, "encode DER");
  Bytes out = base::to_bytes(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return out;
}

openssl::Certificate from_der(ByteView der) {
  const unsigned char* at = uchars(der);
  return openssl::Certificate(
      must_have(d2i_X509(nullptr, &at, static_cast<long>(der.size())), "read its own certificate"));
}

openssl::Certificate begin(const Issue& issue) {
  openssl::Certificate certificate(must_have(X509_new(), "make a certificate"));
  X509* x = certificate.get();
  must(X509_set_version(x, X509_VERSION_3) == 1 && X509_set_serialNumber(x, asn1_integer(issue.serial).get()) == 1 &&
           X509_set_subject_name(x, amd_name(issue.subject).get()) == 1 &&
           X509_set_issuer_name(x, amd_name(issue.issuer).get()) == 1 &&
           X509_set1_notBefore(x, asn1_time(issue.not_before).get()) == 1 &&
           X509_set1_notAfter(x, asn1_time(years_later(issue.not_before, issue.years)).get()) == 1 &&
           X509_set_pubkey(x, issue.key) == 1,
       "fill a certificate");
  return certificate;
}

void add_standard(X509* x, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x, nullptr, nullptr, 0);
  const openssl::Extension extension(
      must_have(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), "make an extension"));
  must(X509_add_ext(x, extension.get(), -1) == 1, "add an extension");
}

void add_amd(X509* x, const std::string& suffix, ByteView value) {
  const openssl::Object oid(must_have(OBJ_txt2obj(("1.3.6.1.4.1.3704.1." + suffix).c_str(), 1), "make an OID"));
  const openssl::OctetString octets(must_have(ASN1_OCTET_STRING_new(), "make an octet string"));
  must(ASN1_OCTET_STRING_set(octets.get(), uchars(value), static_cast<int>(value.size())) == 1, "fill an extension");
  const openssl::Extension extension(
      must_have(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 0, octets.get()), "make an extension"));
  must(X509_add_ext(x, extension.get(), -1) == 1, "add an extension");
}

void add_amd(X509* x, const std::string& suffix, std::uint8_t value) {
  // A DER INTEGER is signed: 0xDB is 02 02 00 DB.
  Bytes der{std::byte{0x02}, std::byte{0x01}};
  if (value >= 0x80) {
    der[1] = std::byte{0x02};
    der.push_back(std::byte{0});
  }
  der.push_back(std::byte{value});
  add_amd(x, suffix, der);
}

void add_amd(X509* x, const std::string& suffix, const std::string& ia5) {
  Bytes der{std::byte{0x16}, static_cast<std::byte>(ia5.size())};
  const ByteView text = base::view(ia5);
  der.insert(der.end(), text.begin(), text.end());
  add_amd(x, suffix, der);
}

Bytes finish(X509* x, EVP_PKEY* issuer_key) {
  add_standard(x, nullptr, NID_netscape_comment, kComment);
  const openssl::DigestContext signer = pss_signer(issuer_key);
  must(X509_sign_ctx(x, signer.get()) > 0, "sign a certificate");
  return to_der(i2d_X509, x);
}

std::string crl_address(const std::string& family, Product product) {
  return "URI:https://kdsintf.amd.com/" + family + "/v1/" + std::string(evidence::sev_snp::product_name(product)) +
         "/crl";
}

}  // namespace

Bytes issue_ark(const Issue& issue, Product product) {
  const openssl::Certificate ark = begin(issue);
  add_standard(ark.get(), ark.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_standard(ark.get(), ark.get(), NID_subject_key_identifier, "hash");
  add_standard(ark.get(), ark.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_standard(ark.get(), ark.get(), NID_crl_distribution_points, crl_address("vcek", product));
  return finish(ark.get(), issue.issuer_key);
}

Bytes issue_intermediate(const Issue& issue, Product product, const std::string& family, ByteView issuer) {
  const openssl::Certificate ark = from_der(issuer);
  const openssl::Certificate ask = begin(issue);
  add_standard(ask.get(), ark.get(), NID_subject_key_identifier, "hash");
  add_standard(ask.get(), ark.get(), NID_authority_key_identifier, "keyid:always");
  add_standard(ask.get(), ark.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_standard(ask.get(), ark.get(), NID_key_usage, "critical,keyCertSign");
  add_standard(ask.get(), ark.get(), NID_crl_distribution_points, crl_address(family, product));
  return finish(ask.get(), issue.issuer_key);
}

// The order of a genuine certificate's extensions (57230, Table 8); AMD marks none of them critical.
Bytes issue_leaf(const Issue& issue, const LeafClaims& claims) {
  const bool turin = claims.product == Product::turin;
  const bool vlek = claims.hwid.empty();
  const openssl::Certificate leaf = begin(issue);
  X509* x = leaf.get();
  // A VLEK names no stepping, for it belongs to no chip.
  std::string name(evidence::sev_snp::product_name(claims.product));
  if (claims.product == Product::milan && !vlek) name += "-B0";
  add_amd(x, "1", std::uint8_t{turin});
  add_amd(x, "2", name);
  if (turin) add_amd(x, "3.9", claims.tcb.fmc);
  add_amd(x, "3.1", claims.tcb.bootloader);
  add_amd(x, "3.2", claims.tcb.tee);
  if (turin) add_amd(x, "3.3", claims.tcb.snp);
  if (!turin) add_amd(x, "3.4", std::uint8_t{0});
  for (const char* spare : {"3.5", "3.6", "3.7"}) add_amd(x, spare, std::uint8_t{0});
  if (!turin) add_amd(x, "3.3", claims.tcb.snp);
  add_amd(x, "3.8", claims.tcb.microcode);
  if (vlek) add_amd(x, "5", claims.csp_id);
  if (!vlek) add_amd(x, "4", ByteView(claims.hwid));
  return finish(x, issue.issuer_key);
}

Bytes issue_crl(const std::string& issuer, EVP_PKEY* key, ByteView issuer_certificate,
                const std::vector<std::uint64_t>& revoked, base::Time this_update, base::Time next_update) {
  const openssl::Certificate ark = from_der(issuer_certificate);
  const openssl::Crl crl(must_have(X509_CRL_new(), "make a CRL"));
  must(X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
           X509_CRL_set_issuer_name(crl.get(), amd_name(issuer).get()) == 1 &&
           X509_CRL_set1_lastUpdate(crl.get(), asn1_time(this_update).get()) == 1 &&
           X509_CRL_set1_nextUpdate(crl.get(), asn1_time(next_update).get()) == 1,
       "fill a CRL");
  for (const std::uint64_t serial : revoked) {
    openssl::Revoked entry(must_have(X509_REVOKED_new(), "make a CRL entry"));
    must(X509_REVOKED_set_serialNumber(entry.get(), asn1_integer(serial).get()) == 1 &&
             X509_REVOKED_set_revocationDate(entry.get(), asn1_time(this_update).get()) == 1 &&
             X509_CRL_add0_revoked(crl.get(), entry.get()) == 1,
         "add a CRL entry");
    (void)entry.release();
  }
  X509V3_CTX context;
  X509V3_set_ctx(&context, ark.get(), nullptr, nullptr, crl.get(), 0);
  const openssl::Extension authority(must_have(
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"), "make an extension"));
  must(X509_CRL_add_ext(crl.get(), authority.get(), -1) == 1 &&
           X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, asn1_integer(1).get(), 0, 0) == 1,
       "add a CRL extension");
  const openssl::DigestContext signer = pss_signer(key);
  must(X509_CRL_sort(crl.get()) == 1 && X509_CRL_sign_ctx(crl.get(), signer.get()) > 0, "sign a CRL");
  return to_der(i2d_X509_CRL, crl.get());
}

}  // namespace blindbox::emulator::internal
