// SPDX-License-Identifier: Apache-2.0
// The emulated chain under OpenSSL's own verification, and reports under the production parser.
#include "blindbox/emulator/security_processor.h"

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include <cstdlib>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/emulator/internal/certificates.h"
#include "blindbox/emulator/testing.h"

namespace blindbox::emulator {
namespace {

using evidence::sev_snp::parse_report;
using openssl::Certificate;
using openssl::Crl;
using openssl::Deleter;

using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
struct StackDeleter {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), StackDeleter>;

constexpr std::array kProductList{Product::milan, Product::genoa, Product::turin};

Certificate parse(ByteView der) {
  const unsigned char* at = base::uchars(der);
  return Certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

ByteArray<64> nonce() {
  ByteArray<64> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i + 1);
  return out;
}

// What `openssl verify -CAfile ARK -untrusted ASK LEAF` does, at a time of our choosing; X509_V_OK or the error.
int openssl_verify(const std::vector<Bytes>& certificates, base::Time at = base::now(), const Bytes* crl = nullptr) {
  const Certificate leaf = parse(certificates[0]);
  const Certificate ask = parse(certificates[1]);
  const Certificate ark = parse(certificates[2]);
  const Store store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), ark.get());
  const Stack untrusted(sk_X509_new_null());
  sk_X509_push(untrusted.get(), ask.get());
  const StoreContext context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), untrusted.get());
  X509_STORE_CTX_set_time(context.get(), 0, at.time_since_epoch().count());
  Crl list;
  if (crl != nullptr) {
    const unsigned char* der = base::uchars(*crl);
    list.reset(d2i_X509_CRL(nullptr, &der, static_cast<long>(crl->size())));
    X509_STORE_add_crl(store.get(), list.get());
    // AMD signs one CRL with the ARK for its intermediates; the leaf alone has none under plain X.509 rules.
    X509_STORE_CTX_init(context.get(), store.get(), ask.get(), nullptr);
    X509_STORE_CTX_set_time(context.get(), 0, at.time_since_epoch().count());
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_CRL_CHECK);
  }
  return X509_verify_cert(context.get()) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
}

std::string text_of(ByteView certificate) {
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  X509_print_ex(bio.get(), parse(certificate).get(), XN_FLAG_ONELINE, X509_FLAG_COMPAT);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

// The signature as a verifier that reads AMD's specification would check it.
bool signed_by(const Bytes& report, ByteView leaf) {
  const auto parsed = parse_report(report).value();
  const openssl::EcdsaSignature signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), BN_lebin2bn(base::uchars(parsed.signature_r), 72, nullptr),
                 BN_lebin2bn(base::uchars(parsed.signature_s), 72, nullptr));
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &der);
  const openssl::DigestContext context(EVP_MD_CTX_new());
  const Certificate certificate = parse(leaf);
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha384(), nullptr, X509_get0_pubkey(certificate.get()));
  const int verified =
      EVP_DigestVerify(context.get(), der, static_cast<std::size_t>(length), base::uchars(report), 0x2A0);
  OPENSSL_free(der);
  return verified == 1;
}

TEST(Certificates, OpenSslAcceptsTheChainOfEveryProductAndKey) {
  const auto processor = test_processor();
  for (const Product product : kProductList) {
    for (const SigningKey key : {SigningKey::vcek, SigningKey::vlek}) {
      Guest guest;
      guest.product = product;
      guest.signing_key = key;
      const auto certificates = processor->certificates(guest);
      ASSERT_EQ(certificates.size(), 3U);
      EXPECT_EQ(openssl_verify(certificates), X509_V_OK);
      EXPECT_EQ(certificates, processor->certificates(guest)) << "issued once";
    }
  }
}

TEST(Certificates, OpenSslRefusesTheWrongIntermediateAndTheWrongDate) {
  const auto processor = test_processor();
  Guest guest;
  auto mixed = processor->certificates(guest);
  guest.signing_key = SigningKey::vlek;
  mixed[1] = processor->certificates(guest)[1];
  EXPECT_NE(openssl_verify(mixed), X509_V_OK);
  const auto vcek = processor->certificates(Guest());
  EXPECT_EQ(openssl_verify(vcek, base::now() + std::chrono::years(8)), X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_EQ(openssl_verify(vcek, base::now() - std::chrono::years(1)), X509_V_ERR_CERT_NOT_YET_VALID);
}

TEST(Certificates, FollowAmdsProfileAndSayWhatTheyAre) {
  const auto processor = test_processor();
  const auto certificates = processor->certificates(Guest());
  for (const Bytes& certificate : certificates) {
    const std::string text = text_of(certificate);
    EXPECT_NE(text.find("EMULATED BY BLINDBOX - NOT A TEE"), std::string::npos);
    EXPECT_NE(text.find("OU = Engineering, C = US, L = Santa Clara, ST = CA, O = Advanced Micro Devices, CN = "),
              std::string::npos);
    EXPECT_NE(text.find("rsassaPss"), std::string::npos);
    EXPECT_NE(text.find("Salt Length: 0x30"), std::string::npos);
    EXPECT_EQ(text.find("X509v3 Netscape Comment: critical"), std::string::npos);
  }
  const std::string leaf = text_of(certificates[0]);
  EXPECT_NE(leaf.find("CN = SEV-VCEK"), std::string::npos);
  EXPECT_NE(leaf.find("NIST CURVE: P-384"), std::string::npos);
  EXPECT_NE(leaf.find("Serial Number: 0 (0x0)"), std::string::npos);
  EXPECT_NE(text_of(certificates[1]).find("CA:TRUE, pathlen:0"), std::string::npos);
  EXPECT_NE(text_of(certificates[1]).find("Serial Number: 65537 (0x10001)"), std::string::npos);
  EXPECT_NE(text_of(certificates[2]).find("URI:https://kdsintf.amd.com/vcek/v1/Milan/crl"), std::string::npos);
  EXPECT_NE(text_of(certificates[2]).find("Certificate Sign, CRL Sign"), std::string::npos);
}

// The extensions and names of a genuine certificate, byte for byte where the machine's own values are put in.
TEST(Certificates, EncodeExtensionsAsAGenuineCertificateDoes) {
  const char* folder = std::getenv("BLINDBOX_VECTORS");
  const std::string vectors = folder != nullptr ? folder : std::string(BLINDBOX_SOURCE_DIR) + "/../shared/vectors";
  for (const auto& [product, name] : {std::pair{Product::milan, "milan-v3-aci-svn103-cleanroom-a"},
                                      {Product::genoa, "genoa-v3-aci-tav"},
                                      {Product::turin, "turin-v5-aci-tav"}}) {
    const std::string at = vectors + "/evidence/sev-snp/" + name;
    if (!std::filesystem::exists(at)) GTEST_SKIP() << "skipped: " << at << " is not here";
    const auto report = parse_report(base::read_file(at + "/report.bin", 4096).value()).value();
    Guest guest;
    guest.product = product;
    guest.reported_tcb = evidence::sev_snp::decode_tcb(report.reported_tcb, product);
    guest.chip_id = report.chip_id;
    const Certificate ours = parse(test_processor()->certificates(guest)[0]);
    const Certificate theirs = parse(base::read_file(at + "/vcek.der", 8192).value());
    ASSERT_EQ(X509_get_ext_count(ours.get()), X509_get_ext_count(theirs.get()) + 1);
    for (int i = 0; i < X509_get_ext_count(theirs.get()); ++i) {
      unsigned char* mine = nullptr;
      unsigned char* amds = nullptr;
      const int mine_size = i2d_X509_EXTENSION(X509_get_ext(ours.get(), i), &mine);
      const int amds_size = i2d_X509_EXTENSION(X509_get_ext(theirs.get(), i), &amds);
      EXPECT_EQ(std::string(mine, mine + mine_size), std::string(amds, amds + amds_size)) << name << " extension " << i;
      OPENSSL_free(mine);
      OPENSSL_free(amds);
    }
    EXPECT_EQ(X509_NAME_cmp(X509_get_issuer_name(ours.get()), X509_get_issuer_name(theirs.get())), 0);
    EXPECT_EQ(X509_NAME_cmp(X509_get_subject_name(ours.get()), X509_get_subject_name(theirs.get())), 0);
  }
}

TEST(Crl, IsSignedByTheArkAndRevokes) {
  const auto processor = test_processor();
  const auto certificates = processor->certificates(Guest());
  const auto now = base::now();
  const auto crl = [&](const std::vector<std::uint64_t>& serials) {
    return processor->crl(Product::milan, serials, now - std::chrono::hours(1), now + std::chrono::hours(1));
  };
  const Bytes empty = crl({});
  EXPECT_EQ(openssl_verify(certificates, now, &empty), X509_V_OK);
  EXPECT_EQ(openssl_verify(certificates, now + std::chrono::hours(2), &empty), X509_V_ERR_CRL_HAS_EXPIRED);
  const Bytes other = crl({SecurityProcessor::ask_serial(Product::milan) + 1, 7});
  EXPECT_EQ(openssl_verify(certificates, now, &other), X509_V_OK);
  const Bytes revoked = crl({7, SecurityProcessor::ask_serial(Product::milan)});
  EXPECT_EQ(openssl_verify(certificates, now, &revoked), X509_V_ERR_CERT_REVOKED);
}

TEST(Report, OfEveryProductVersionAndKeyIsSignedByItsLeaf) {
  const auto processor = test_processor();
  for (const Product product : kProductList) {
    for (const std::uint32_t version : {2U, 3U, 5U}) {
      for (const SigningKey key : {SigningKey::vcek, SigningKey::vlek}) {
        Guest guest;
        guest.product = product;
        guest.version = version;
        guest.signing_key = key;
        const auto evidence = processor->evidence(guest, nonce());
        ASSERT_EQ(evidence.report.size(), evidence::sev_snp::kReportSize);
        const auto report = parse_report(evidence.report);
        ASSERT_TRUE(report) << base::to_string(report.error());
        EXPECT_TRUE(signed_by(evidence.report, evidence.certificates[0]));
        EXPECT_EQ(report->report_data, nonce());
        EXPECT_EQ(report->signing_key, static_cast<std::uint8_t>(key));
        if (version >= 3) {
          EXPECT_EQ(report->product(), product);
        }
        EXPECT_EQ(report->launch_mit_vector.has_value(), version == 5);
        EXPECT_EQ(base::all_zero(report->chip_id), key == SigningKey::vlek);
        Bytes broken = evidence.report;
        broken[0x90] ^= std::byte{1};
        EXPECT_FALSE(signed_by(broken, evidence.certificates[0]));
      }
    }
  }
}

TEST(Report, DefaultsAreThoseOfAProductionGuest) {
  const auto report = parse_report(test_processor()->report(Guest(), nonce())).value();
  EXPECT_EQ(report.version, 3U);
  EXPECT_EQ(report.policy, 0x30000U);
  EXPECT_EQ(report.vmpl, 0U);
  EXPECT_EQ(report.platform_info & kPlatformAliasCheckComplete, kPlatformAliasCheckComplete);
  EXPECT_EQ(report.current_tcb, 0xdb18000000000004U);
  EXPECT_FALSE(base::all_zero(report.measurement));
  EXPECT_FALSE(base::all_zero(report.chip_id));
  EXPECT_EQ(report.chip_id, test_processor()->chip_id(Product::milan)) << "stable with the keys";
}

template <std::size_t N>
ByteArray<N> filled(unsigned value) {
  ByteArray<N> out{};
  out.fill(static_cast<std::byte>(value));
  return out;
}

TEST(Report, EveryFieldCanBeSet) {
  Guest guest;
  guest.product = Product::genoa;
  guest.version = 5;
  guest.guest_svn = 11;
  guest.policy = 0xb0000;
  guest.family_id = filled<16>(1);
  guest.image_id = filled<16>(2);
  guest.vmpl = 3;
  guest.signature_algo = 9;
  guest.tcb = Tcb{0, 1, 2, 3, 4};
  guest.reported_tcb = Tcb{0, 5, 6, 7, 8};
  guest.committed_tcb = Tcb{0, 9, 10, 11, 12};
  guest.launch_tcb = Tcb{0, 13, 14, 15, 16};
  guest.platform_info = 0x7f;
  guest.author_key_en = true;
  guest.mask_chip_key = true;
  guest.measurement = filled<48>(3);
  guest.host_data = filled<32>(4);
  guest.id_key_digest = filled<48>(5);
  guest.author_key_digest = filled<48>(6);
  guest.report_id = filled<32>(7);
  guest.report_id_ma = filled<32>(8);
  guest.cpuid_family = 0x1a;
  guest.cpuid_model = 0x11;
  guest.cpuid_stepping = 5;
  guest.chip_id = filled<64>(9);
  guest.current_firmware = FirmwareVersion{1, 2, 3};
  guest.committed_firmware = FirmwareVersion{4, 5, 6};
  guest.launch_mit_vector = 77;
  guest.current_mit_vector = 88;
  const auto r = parse_report(test_processor()->report(guest, nonce())).value();
  const auto raw = [](const Tcb& tcb) { return encode_tcb(tcb, Product::genoa); };
  EXPECT_EQ(r.version, 5U);
  EXPECT_EQ(r.guest_svn, 11U);
  EXPECT_EQ(r.policy, 0xb0000U);
  EXPECT_EQ(r.family_id, guest.family_id);
  EXPECT_EQ(r.image_id, guest.image_id);
  EXPECT_EQ(r.vmpl, 3U);
  EXPECT_EQ(r.signature_algo, 9U);
  EXPECT_EQ(r.current_tcb, raw(*guest.tcb));
  EXPECT_EQ(r.reported_tcb, raw(*guest.reported_tcb));
  EXPECT_EQ(r.committed_tcb, raw(*guest.committed_tcb));
  EXPECT_EQ(r.launch_tcb, raw(*guest.launch_tcb));
  EXPECT_EQ(r.platform_info, 0x7fU);
  EXPECT_TRUE(r.author_key_en);
  EXPECT_TRUE(r.mask_chip_key);
  EXPECT_EQ(r.measurement, *guest.measurement);
  EXPECT_EQ(r.host_data, guest.host_data);
  EXPECT_EQ(r.id_key_digest, guest.id_key_digest);
  EXPECT_EQ(r.author_key_digest, guest.author_key_digest);
  EXPECT_EQ(r.report_id, guest.report_id);
  EXPECT_EQ(r.report_id_ma, *guest.report_id_ma);
  EXPECT_EQ(r.cpuid_family, 0x1a);
  EXPECT_EQ(r.cpuid_model, 0x11);
  EXPECT_EQ(r.cpuid_stepping, 5);
  EXPECT_EQ(r.chip_id, *guest.chip_id);
  EXPECT_EQ(r.current_firmware.build, 1);
  EXPECT_EQ(r.current_firmware.minor, 2);
  EXPECT_EQ(r.current_firmware.major, 3);
  EXPECT_EQ(r.committed_firmware.build, 4);
  EXPECT_EQ(r.committed_firmware.minor, 5);
  EXPECT_EQ(r.committed_firmware.major, 6);
  EXPECT_EQ(r.launch_mit_vector, 77U);
  EXPECT_EQ(r.current_mit_vector, 88U);
}

TEST(Report, WithoutASigningKeyHasNoSignature) {
  Guest guest;
  guest.signing_key = SigningKey::none;
  const auto report = parse_report(test_processor()->report(guest, nonce())).value();
  EXPECT_TRUE(base::all_zero(report.signature_r));
  EXPECT_TRUE(base::all_zero(report.signature_s));
}

}  // namespace
}  // namespace blindbox::emulator
