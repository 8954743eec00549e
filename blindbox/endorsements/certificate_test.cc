// SPDX-License-Identifier: Apache-2.0
// Certificates that OpenSSL makes here: what parses, and which leaves read. Chains are judged on real and on emulated
// evidence in tests/vectors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <functional>
#include <map>

#include "blindbox/endorsements/roots.h"
#include "blindbox/endorsements/sev_snp/chain.h"
#include "blindbox/endorsements/sev_snp/crl.h"
#include "blindbox/endorsements/sev_snp/leaf.h"

namespace blindbox::endorsements {
namespace {

using evidence::sev_snp::Product;
using evidence::sev_snp::SigningKey;
using testing::HasSubstr;

// Extension number below 1.3.6.1.4.1.3704.1 -> value in hexadecimal. A multimap: duplicates are a case.
using Extensions = std::multimap<std::string, std::string>;

const std::string kHwid64 = std::string(128, '7');

Extensions milan_vcek() {
  return {{"1", "020100"},   {"2", "16084d696c616e2d4230"}, {"3.1", "020103"}, {"3.2", "020100"},
          {"3.3", "020108"}, {"3.8", "020200db"},           {"4", kHwid64}};
}
Extensions turin_vcek() {
  return {{"1", "020101"},   {"2", "1605547572696e"}, {"3.1", "020102"}, {"3.2", "020103"},
          {"3.3", "020104"}, {"3.8", "020151"},       {"3.9", "020101"}, {"4", "0102030405060708"}};
}
Extensions milan_vlek() {
  Extensions out = milan_vcek();
  out.erase("4");
  out.emplace("5", "160474657374");
  return out;
}

void add_extension(X509* x509, const std::string& number, const std::string& hex) {
  const Bytes value = base::from_hex(hex).value();
  ASN1_OBJECT* oid = OBJ_txt2obj(("1.3.6.1.4.1.3704.1." + number).c_str(), 1);
  ASN1_OCTET_STRING* octets = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(octets, base::uchars(value), static_cast<int>(value.size()));
  X509_EXTENSION* extension = X509_EXTENSION_create_by_OBJ(nullptr, oid, 0, octets);
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(octets);
  ASN1_OBJECT_free(oid);
}

void add_name(X509_NAME* name, const char* field, const char* value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC, reinterpret_cast<const unsigned char*>(value), -1, -1, 0);
}

// A self-signed P-384 certificate; change gets it before it is signed.
Bytes make(
    const Extensions& extensions, const std::function<void(X509*)>& change = [](X509*) {}) {
  const std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new(), &X509_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-384"), &EVP_PKEY_free);
  X509_set_version(x509.get(), X509_VERSION_3);
  add_name(X509_get_subject_name(x509.get()), "O", "Advanced Micro Devices");
  add_name(X509_get_subject_name(x509.get()), "CN", "SEV-VCEK");
  X509_set_issuer_name(x509.get(), X509_get_subject_name(x509.get()));
  ASN1_TIME_set(X509_getm_notBefore(x509.get()), 1'700'000'000);
  ASN1_TIME_set(X509_getm_notAfter(x509.get()), 1'800'000'000);
  X509_set_pubkey(x509.get(), key.get());
  for (const auto& [number, hex] : extensions) add_extension(x509.get(), number, hex);
  change(x509.get());
  X509_sign(x509.get(), key.get(), EVP_sha384());
  unsigned char* der = nullptr;
  const int length = i2d_X509(x509.get(), &der);
  Bytes out = base::to_bytes(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return out;
}

std::string problem(const Extensions& extensions, SigningKey kind = SigningKey::vcek) {
  const auto certificate = Certificate::parse(make(extensions));
  EXPECT_TRUE(certificate);
  const auto claims = sev_snp::read_leaf(*certificate, kind);
  if (claims) return "read";
  return claims.error().detail.empty() ? claims.error().what : claims.error().detail;
}

Extensions with(Extensions extensions, const std::string& number, const std::string& hex) {
  extensions.erase(number);
  if (!hex.empty()) extensions.emplace(number, hex);
  return extensions;
}

TEST(Certificate, TellsWhatItSays) {
  const Bytes der = make(milan_vcek());
  const auto certificate = Certificate::parse(der);
  ASSERT_TRUE(certificate) << certificate.error().what;
  EXPECT_EQ(certificate->common_name(), "SEV-VCEK");
  EXPECT_EQ(certificate->organization(), "Advanced Micro Devices");
  EXPECT_EQ(certificate->issuer_common_name(), "SEV-VCEK");
  EXPECT_EQ(base::to_iso8601(certificate->not_before()), "2023-11-14T22:13:20Z");
  EXPECT_EQ(base::to_iso8601(certificate->not_after()), "2027-01-15T08:00:00Z");
  EXPECT_EQ(certificate->der(), der);
}

TEST(Certificate, RefusesEveryTruncationAndAnythingBehindIt) {
  Bytes der = make(milan_vcek());
  for (std::size_t size = 0; size < der.size(); ++size) EXPECT_FALSE(Certificate::parse(ByteView(der).first(size)));
  der.push_back(std::byte{0});
  EXPECT_THAT(Certificate::parse(der).error().what, HasSubstr("trailing bytes"));
  EXPECT_THAT(Certificate::parse(Bytes(kCertificateCap + 1)).error().what, HasSubstr("larger than 16384"));
}

TEST(Certificate, NamesOneSubject) {
  const auto two = [](X509* x509) { add_name(X509_get_subject_name(x509), "CN", "SEV-VLEK"); };
  EXPECT_THAT(Certificate::parse(make({}, two)).error().what, HasSubstr("exactly one"));
  const auto none = [](X509* x509) { X509_NAME_ENTRY_free(X509_NAME_delete_entry(X509_get_subject_name(x509), 0)); };
  EXPECT_THAT(Certificate::parse(make({}, none)).error().what, HasSubstr("exactly one"));
}

TEST(Leaf, ReadsVcekAndVlek) {
  const auto milan = sev_snp::read_leaf(Certificate::parse(make(milan_vcek())).value(), SigningKey::vcek);
  ASSERT_TRUE(milan) << milan.error().detail;
  EXPECT_EQ(milan->product, Product::milan);
  EXPECT_EQ(milan->tcb, (evidence::sev_snp::Tcb{.fmc = 0, .bootloader = 3, .tee = 0, .snp = 8, .microcode = 0xDB}));
  EXPECT_EQ(base::to_hex(milan->hwid), kHwid64);
  const auto turin = sev_snp::read_leaf(Certificate::parse(make(turin_vcek())).value(), SigningKey::vcek);
  ASSERT_TRUE(turin) << turin.error().detail;
  EXPECT_EQ(turin->product, Product::turin);
  EXPECT_EQ(turin->tcb, (evidence::sev_snp::Tcb{.fmc = 1, .bootloader = 2, .tee = 3, .snp = 4, .microcode = 0x51}));
  EXPECT_EQ(problem(milan_vlek(), SigningKey::vlek), "read");
}

TEST(Leaf, NeedsEveryExtensionOnce) {
  for (const auto& [number, hex] : turin_vcek()) {
    EXPECT_NE(problem(with(turin_vcek(), number, "")), "read") << number;
    Extensions twice = turin_vcek();
    twice.emplace(number, hex);
    EXPECT_THAT(problem(twice), HasSubstr("twice")) << number;
  }
}

TEST(Leaf, TakesOneSpellingOfANumber) {
  for (const char* good : {"020100", "02017f", "02020080", "020200ff"}) {
    EXPECT_EQ(problem(with(milan_vcek(), "3.3", good)), "read") << good;
  }
  for (const char* bad : {"020180", "0201ff", "0202007f", "02020100", "02020000", "0202ff80", "02810108", "040108",
                          "0201", "02", "02010800", "0203000080", "0a0108", "08"}) {
    EXPECT_THAT(problem(with(milan_vcek(), "3.3", bad)), HasSubstr("no DER INTEGER")) << bad;
  }
}

TEST(Leaf, ProductStructureAndChipGoTogether) {
  EXPECT_THAT(problem(with(milan_vcek(), "1", "020101")), HasSubstr("structVersion"));
  EXPECT_THAT(problem(with(turin_vcek(), "1", "020100")), HasSubstr("structVersion"));
  EXPECT_THAT(problem(with(milan_vcek(), "2", "1604526f6d65")), HasSubstr("unknown product"));
  EXPECT_THAT(problem(with(milan_vcek(), "2", "0c054d696c616e")), HasSubstr("no IA5String"));
  EXPECT_THAT(problem(with(milan_vcek(), "2", "16064d696c616e")), HasSubstr("no IA5String"));
  EXPECT_EQ(problem(with(milan_vcek(), "2", "160547656e6f61")), "read");
  EXPECT_THAT(problem(with(milan_vcek(), "3.9", "020100")), HasSubstr("FMC"));
  EXPECT_THAT(problem(with(milan_vcek(), "4", "0102030405060708")), HasSubstr("HWID has 8 bytes"));
  EXPECT_THAT(problem(with(turin_vcek(), "4", kHwid64)), HasSubstr("HWID has 64 bytes"));
  // As an OCTET STRING within the OCTET STRING, which a tool that faked certificates once wrote.
  EXPECT_THAT(problem(with(milan_vcek(), "4", "0440" + kHwid64)), HasSubstr("HWID has 66 bytes"));
}

TEST(Leaf, AVlekIsNoVcek) {
  EXPECT_THAT(problem(milan_vlek(), SigningKey::vcek), HasSubstr("3704.1.4 is missing"));
  EXPECT_THAT(problem(milan_vcek(), SigningKey::vlek), HasSubstr("3704.1.5 is missing"));
  Extensions both = milan_vcek();
  both.emplace("5", "160474657374");
  EXPECT_NE(problem(both, SigningKey::vcek), "read");
  EXPECT_NE(problem(both, SigningKey::vlek), "read");
}

TEST(Chain, IsSelectedByNamesWithoutDoubt) {
  const auto selected = [](const std::vector<Bytes>& der, SigningKey kind) {
    return sev_snp::select_chain(sev_snp::parse_certificates(der).value(), kind, base::now());
  };
  const Bytes one = make(milan_vcek());
  EXPECT_TRUE(selected({one, one}, SigningKey::vcek)) << "a copy is no second candidate";
  EXPECT_THAT(selected({one, make(milan_vcek())}, SigningKey::vcek).error().what, HasSubstr("more than one"));
  EXPECT_THAT(selected({one}, SigningKey::vlek).error().what, HasSubstr("no certificate SEV-VLEK among SEV-VCEK"));
  EXPECT_FALSE(selected({one}, SigningKey::none));
  EXPECT_FALSE(selected({}, SigningKey::vcek));
  EXPECT_FALSE(sev_snp::parse_certificates(std::vector<Bytes>(sev_snp::kMaxCertificates + 1, one)));
  EXPECT_TRUE(sev_snp::parse_certificates(std::vector<Bytes>(sev_snp::kMaxCertificates, one)));
}

TEST(Chain, OneCertificateInAllPlacesAnswersNoQuestionRight) {
  const Certificate certificate = Certificate::parse(make(milan_vcek())).value();
  const sev_snp::Chain chain{SigningKey::vcek, certificate, certificate, certificate};
  EXPECT_FALSE(check_names(chain));
  EXPECT_FALSE(check_algorithms(chain));
  EXPECT_FALSE(check_authority(chain));
  EXPECT_TRUE(check_dates(chain, certificate.not_before()));
  EXPECT_TRUE(check_dates(chain, certificate.not_after()));
  EXPECT_FALSE(check_dates(chain, certificate.not_before() - std::chrono::seconds(1)));
  EXPECT_FALSE(check_dates(chain, certificate.not_after() + std::chrono::seconds(1)));
  EXPECT_EQ(sev_snp::check_crls({}, chain, certificate.not_before()), false);
  EXPECT_FALSE(sev_snp::check_crls({Bytes(3)}, chain, certificate.not_before()));
  EXPECT_THAT(sev_snp::check_crls({Bytes(sev_snp::kCrlCap + 1)}, chain, certificate.not_before()).error().what,
              HasSubstr("larger than"));
}

TEST(Roots, AreThreeAndNobodyElses) {
  const auto spki = [](const std::string& hex) {
    base::Sha256 out{};
    const Bytes bytes = base::from_hex(hex).value();
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
  };
  const std::string milan = "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9";
  EXPECT_EQ(pinned_amd_root(spki(milan)), Product::milan);
  EXPECT_EQ(pinned_amd_root(spki("429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831")), Product::genoa);
  EXPECT_EQ(pinned_amd_root(spki("4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08")), Product::turin);
  EXPECT_EQ(pinned_amd_root({}), std::nullopt);
  base::Sha256 near = spki(milan);
  near[31] ^= std::byte{1};
  EXPECT_EQ(pinned_amd_root(near), std::nullopt);
}

}  // namespace
}  // namespace blindbox::endorsements
