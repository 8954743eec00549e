// SPDX-License-Identifier: Apache-2.0
// One emulated guest that passes every check, and for each check the one change that makes exactly that check fail:
// what real evidence cannot show, because nobody has AMD's keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <ostream>
#include <set>

#include "blindbox/emulator/internal/certificates.h"
#include "blindbox/emulator/testing.h"
#include "blindbox/verifier/internal/checks.h"
#include "blindbox/verifier/report_text.h"

namespace blindbox {
namespace {

using emulator::Guest;
using evidence::sev_snp::Product;
using evidence::sev_snp::SigningKey;
using evidence::sev_snp::Tcb;
using verifier::Outcome;
using verifier::Verdict;

emulator::SecurityProcessor& processor() {
  static const std::shared_ptr<emulator::SecurityProcessor> shared = emulator::test_processor();
  return *shared;
}

// A second set, for certificates that no processor would issue; kept between runs as test_processor keeps its own.
const emulator::Keys& own_keys() {
  static const emulator::Keys keys =
      emulator::load_or_generate_keys(
          (std::filesystem::temp_directory_path() / ("blindbox-test-forger-keys-" + std::to_string(::getuid())))
              .string())
          .value();
  return keys;
}

base::Sha256 fingerprint_of(const std::string& hex) {
  base::Sha256 out{};
  const Bytes bytes = base::from_hex(hex).value();
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// Everything that goes into one verdict, asking for all that a policy can ask for.
struct World {
  Guest guest;
  evidence::ServiceManifest manifest;
  policy::Policy policy;
  std::optional<ByteArray<64>> expected = ByteArray<64>{std::byte{42}};
  bool freshness_not_requested = false;
  bool manifest_given = true;
  base::Time now = base::now();
  std::function<void(evidence::Evidence&)> tamper = [](evidence::Evidence&) {};
};

World good_world(Product product = Product::milan, std::uint32_t version = 3) {
  World world;
  world.guest.product = product;
  world.guest.version = version;
  // Single socket, AES-256-XTS, no RAPL, ciphertext hiding, no page swap; no SMT, no CXL; ABI 1.55.
  world.guest.policy = 0x3D20137;
  world.guest.guest_svn = 2;
  world.guest.family_id[0] = std::byte{5};
  world.guest.image_id[0] = std::byte{6};
  world.guest.id_key_digest[0] = std::byte{7};
  world.guest.author_key_digest[0] = std::byte{8};
  world.guest.author_key_en = true;
  world.guest.host_data[0] = std::byte{3};
  world.manifest.model.sha256[0] = std::byte{4};
  world.manifest.software.version = "0.1.0";
  world.manifest.isolation.posture = "unprivileged";
  policy::SevSnpPolicy& sev_snp = world.policy.sev_snp;
  sev_snp.products[product] = {.minimum_tcb = emulator::usual_tcb(product),
                               .minimum_firmware = emulator::usual_firmware(product)};
  sev_snp.measurements = {{emulator::measurement_of(world.guest)}};
  sev_snp.host_data = {{world.guest.host_data}};
  sev_snp.chip_ids = {{processor().chip_id(product)}};
  sev_snp.require_crl = true;
  sev_snp.family_ids = {{world.guest.family_id}};
  sev_snp.image_ids = {{world.guest.image_id}};
  sev_snp.id_key_digests = {{world.guest.id_key_digest}};
  sev_snp.author_key_digests = {{world.guest.author_key_digest}};
  sev_snp.minimum_guest_svn = 2;
  sev_snp.guest_policy = {.smt_disabled = true,
                          .single_socket = true,
                          .cxl_disabled = true,
                          .rapl_disabled = true,
                          .aes_256_xts = true,
                          .ciphertext_hiding = true,
                          .page_swap_disabled = true,
                          .minimum_abi_major = 1,
                          .minimum_abi_minor = 55};
  sev_snp.platform_info = {.required = emulator::kPlatformEcc, .refused = 0x40};
  if (version >= 5) sev_snp.mitigations = {.launch = 0x3, .current = 0x21};
  world.policy.manifest = {.model_sha256 = {{world.manifest.model.sha256}},
                           .software_versions = {{"0.1.0"}},
                           .isolation_postures = {{"unprivileged"}},
                           .isolation_policies = {{world.manifest.isolation.policy_sha256}}};
  world.policy.unsafe.trust_emulator = policy::TrustEmulator{fingerprint_of(processor().fingerprint())};
  return world;
}

Verdict judge(const World& world) {
  evidence::Evidence evidence = processor().evidence(world.guest, ByteArray<64>{std::byte{42}});
  const auto day = std::chrono::hours(24);
  evidence.crls = {processor().crl(world.guest.product, {7}, base::now() - day, base::now() + day)};
  world.tamper(evidence);
  const std::string json = encode_manifest(world.manifest);
  return verifier::verify({.evidence = evidence,
                           .expected_report_data = world.expected,
                           .freshness_not_requested = world.freshness_not_requested,
                           .manifest = world.manifest_given ? std::optional(base::view(json)) : std::nullopt},
                          world.policy, world.now);
}

std::vector<std::string> failed(const Verdict& verdict) {
  std::vector<std::string> ids;
  for (const verifier::Finding* finding : verdict.failures()) ids.push_back(finding->id);
  return ids;
}

TEST(Emulated, EveryProductAndVersionIsAcceptedAndSaysWhatItIs) {
  for (const Product product : evidence::sev_snp::kProducts) {
    for (const std::uint32_t version : {2U, 3U, 5U}) {
      const Verdict verdict = judge(good_world(product, version));
      EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
      EXPECT_TRUE(verdict.emulated());
      EXPECT_THAT(render_table(verdict), testing::StartsWith("*** EMULATED, NOT A TEE"));
      EXPECT_THAT(render_json(verdict), testing::HasSubstr("EMULATED, NOT A TEE"));
      for (const auto& finding : verdict.findings()) {
        const bool silent = finding.id.starts_with("azure.") ||
                            (version < 3 && finding.id == "sev_snp.platform.alias_check") ||
                            (version < 5 && finding.id.starts_with("sev_snp.mitigations."));
        EXPECT_EQ(finding.outcome == Outcome::not_requested, silent) << finding.id;
      }
    }
  }
}

TEST(Emulated, AVlekIsAcceptedWithoutAChip) {
  World world = good_world();
  world.guest.signing_key = SigningKey::vlek;
  world.policy.sev_snp.chip_ids.reset();
  const Verdict verdict = judge(world);
  EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
  world.policy.sev_snp.chip_ids = {{ByteArray<64>{}}};
  EXPECT_THAT(failed(judge(world)), testing::ElementsAre("sev_snp.chip_id.allowed"));
}

emulator::internal::Issue issue(const std::string& subject, const std::string& issuer, EVP_PKEY* key,
                                EVP_PKEY* issuer_key) {
  return {.subject = subject,
          .issuer = issuer,
          .serial = 1,
          .not_before = base::now() - std::chrono::hours(24),
          .years = 1,
          .key = key,
          .issuer_key = issuer_key};
}

// A chain under the test's own root; change makes one of its certificates wrong.
struct Parts {
  std::string ask_name = "SEV-Milan";
  EVP_PKEY* leaf_key = own_keys().vcek.get();
  bool ask_is_leaf = false;
  std::size_t hwid_size = 64;
};

void forge(World& world, const Parts& parts) {
  const emulator::Keys& keys = own_keys();
  const emulator::internal::LeafClaims claims{.product = Product::milan,
                                              .tcb = emulator::usual_tcb(Product::milan),
                                              .hwid = Bytes(parts.hwid_size, std::byte{1}),
                                              .csp_id = ""};
  const Bytes ark =
      emulator::internal::issue_ark(issue("ARK-Milan", "ARK-Milan", keys.ark.get(), keys.ark.get()), Product::milan);
  const auto ask_issue = issue(parts.ask_name, "ARK-Milan", keys.ask.get(), keys.ark.get());
  const Bytes ask = parts.ask_is_leaf ? emulator::internal::issue_leaf(ask_issue, claims)
                                      : emulator::internal::issue_intermediate(ask_issue, Product::milan, "vcek", ark);
  const Bytes leaf =
      emulator::internal::issue_leaf(issue("SEV-VCEK", parts.ask_name, parts.leaf_key, keys.ask.get()), claims);
  world.policy.unsafe.trust_emulator = policy::TrustEmulator{fingerprint_of(emulator::fingerprint(keys))};
  world.policy.sev_snp.require_crl = false;
  world.tamper = [ark, ask, leaf](evidence::Evidence& evidence) {
    evidence.crls.clear();
    evidence.certificates = {leaf, ask, ark};
  };
}

void flip(Bytes& bytes, std::size_t offset) { bytes[offset] ^= std::byte{1}; }

struct Row {
  const char* id;
  void (*spoil)(World&);
};

// What a test runner prints; the addresses within would change with every run.
void PrintTo(const Row& row, std::ostream* out) { *out << row.id; }

const Row kRows[] = {
    {"sev_snp.report.size", [](World& w) { w.tamper = [](auto& e) { e.report.push_back(std::byte{0}); }; }},
    {"sev_snp.report.version", [](World& w) { w.guest.version = 1; }},
    {"sev_snp.report.version", [](World& w) { w.guest.version = 6; }},
    {"sev_snp.report.layout", [](World& w) { w.guest.policy &= ~evidence::sev_snp::kPolicyReserved1; }},
    {"sev_snp.report.layout", [](World& w) { w.guest.policy |= std::uint64_t{1} << 26; }},
    {"sev_snp.certificates.readable",
     [](World& w) { w.tamper = [](auto& e) { e.certificates[1].push_back(std::byte{0}); }; }},
    {"sev_snp.mask_chip_key", [](World& w) { w.guest.mask_chip_key = true; }},
    {"sev_snp.signing_key", [](World& w) { w.guest.signing_key = SigningKey::none; }},
    {"sev_snp.chain.complete", [](World& w) { w.tamper = [](auto& e) { e.certificates.pop_back(); }; }},
    {"sev_snp.chain.complete", [](World& w) { w.tamper = [](auto& e) { e.certificates.clear(); }; }},
    {"sev_snp.chain.complete",  // a report that a VLEK signed, beside a VCEK
     [](World& w) {
       w.guest.signing_key = SigningKey::vlek;
       w.tamper = [](auto& e) { e.certificates = processor().certificates(Guest{}); };
     }},
    {"sev_snp.root", [](World& w) { w.policy.unsafe.trust_emulator.reset(); }},
    {"sev_snp.root", [](World& w) { w.policy.unsafe.trust_emulator->ark_spki_sha256[31] ^= std::byte{1}; }},
    {"sev_snp.chain.names", [](World& w) { forge(w, {.ask_name = "SEV-Genoa"}); }},
    {"sev_snp.chain.names", [](World& w) { forge(w, {.ask_name = "SEV-VLEK-Milan"}); }},
    {"sev_snp.chain.algorithms", [](World& w) { forge(w, {.leaf_key = own_keys().asvk.get()}); }},
    {"sev_snp.chain.authority", [](World& w) { forge(w, {.ask_is_leaf = true}); }},
    {"sev_snp.chain.dates", [](World& w) { w.now += std::chrono::hours(24 * 366 * 8); }},
    {"sev_snp.chain.dates", [](World& w) { w.now -= std::chrono::hours(24 * 366); }},
    {"sev_snp.chain.signatures",
     [](World& w) { w.tamper = [](auto& e) { flip(e.certificates[0], e.certificates[0].size() - 1); }; }},
    {"sev_snp.chain.signatures",
     [](World& w) { w.tamper = [](auto& e) { flip(e.certificates[2], e.certificates[2].size() - 1); }; }},
    {"sev_snp.crl", [](World& w) { w.tamper = [](auto& e) { e.crls.clear(); }; }},
    {"sev_snp.crl",
     [](World& w) {
       w.tamper = [](auto& e) {
         const auto day = std::chrono::hours(24);
         e.crls = {processor().crl(Product::milan, {emulator::SecurityProcessor::ask_serial(Product::milan)},
                                   base::now() - day, base::now() + day)};
       };
     }},
    {"sev_snp.crl",  // the leaf's own serial number
     [](World& w) { w.guest.leaf_serial = 7; }},
    {"sev_snp.crl", [](World& w) { w.tamper = [](auto& e) { e.crls.push_back(Bytes(3)); }; }},
    {"sev_snp.crl",  // a revocation is not taken back by a newer list
     [](World& w) {
       w.tamper = [](auto& e) {
         const auto day = std::chrono::hours(24);
         e.crls.push_back(processor().crl(Product::milan, {emulator::SecurityProcessor::ask_serial(Product::milan)},
                                          base::now() - 9 * day, base::now() - 8 * day));
       };
     }},
    {"sev_snp.crl",  // two that both claim to be the newest
     [](World& w) {
       w.tamper = [](auto& e) {
         const auto until = base::now() + std::chrono::hours(24);
         const auto from = until - std::chrono::hours(48);
         e.crls = {processor().crl(Product::milan, {5}, from, until),
                   processor().crl(Product::milan, {6}, from, until)};
       };
     }},
    {"sev_snp.crl",  // another root's, where one of this root's is demanded
     [](World& w) {
       w.tamper = [](auto& e) {
         const auto day = std::chrono::hours(24);
         e.crls = {processor().crl(Product::genoa, {}, base::now() - day, base::now() + day)};
       };
     }},
    {"sev_snp.leaf.extensions", [](World& w) { forge(w, {.hwid_size = 8}); }},
    {"sev_snp.signature", [](World& w) { w.tamper = [](auto& e) { flip(e.report, 4); }; }},
    {"sev_snp.signature", [](World& w) { w.tamper = [](auto& e) { flip(e.report, 0x2A0); }; }},
    {"sev_snp.signature", [](World& w) { w.tamper = [](auto& e) { flip(e.report, 0x2A0 + 71); }; }},
    {"sev_snp.signature", [](World& w) { w.guest.signature_algo = 2; }},
    {"sev_snp.product", [](World& w) { w.guest.cpuid_model = 0x11; }},
    {"sev_snp.product", [](World& w) { w.guest.cpuid_family = 0x17; }},
    {"sev_snp.tcb.layout",  // a report in Turin's layout from a processor that says that it is Milan
     [](World& w) {
       w.guest.product = Product::turin;
       w.guest.cpuid_family = 0x19;
       w.guest.cpuid_model = 1;
       w.tamper = [](auto& e) {
         const auto day = std::chrono::hours(24);
         e.certificates = processor().certificates(Guest{});
         e.crls = {processor().crl(Product::milan, {}, base::now() - day, base::now() + day)};
       };
     }},
    {"sev_snp.tcb.reported",
     [](World& w) {
       w.guest.certificate_tcb = emulator::usual_tcb(Product::milan);
       ++w.guest.certificate_tcb->microcode;
     }},
    {"sev_snp.chip_id", [](World& w) { w.guest.certificate_hwid = ByteArray<64>{std::byte{1}}; }},
    {"sev_snp.chip_id",  // a VLEK's report names no chip
     [](World& w) {
       w.guest.signing_key = SigningKey::vlek;
       w.guest.chip_id = ByteArray<64>{std::byte{1}};
     }},
    {"sev_snp.product.allowed",
     [](World& w) {
       // The floors of a product that is not accepted are missing too: all of them say so.
       w.policy.sev_snp.products[Product::genoa] = {};
       w.policy.sev_snp.products.erase(Product::milan);
     }},
    {"sev_snp.tcb.committed",
     [](World& w) {
       w.guest.committed_tcb = emulator::usual_tcb(Product::milan);
       ++w.guest.committed_tcb->snp;
     }},
    {"sev_snp.tcb.committed",
     [](World& w) {
       w.guest.committed_firmware = emulator::usual_firmware(Product::milan);
       ++w.guest.committed_firmware->build;
     }},
    {"sev_snp.tcb.minimum",
     [](World& w) {
       w.guest.reported_tcb = emulator::usual_tcb(Product::milan);
       --w.guest.reported_tcb->microcode;
     }},
    {"sev_snp.tcb.launch",
     [](World& w) {
       w.guest.launch_tcb = emulator::usual_tcb(Product::milan);
       --w.guest.launch_tcb->bootloader;
     }},
    {"sev_snp.policy.debug_disabled", [](World& w) { w.guest.policy |= evidence::sev_snp::kPolicyDebug; }},
    {"sev_snp.policy.migrate_ma_disabled", [](World& w) { w.guest.policy |= evidence::sev_snp::kPolicyMigrateMa; }},
    {"sev_snp.policy.smt_disabled", [](World& w) { w.guest.policy |= evidence::sev_snp::kPolicySmt; }},
    {"sev_snp.policy.single_socket", [](World& w) { w.guest.policy &= ~evidence::sev_snp::kPolicySingleSocket; }},
    {"sev_snp.firmware.minimum",
     [](World& w) {
       w.guest.committed_firmware = emulator::usual_firmware(Product::milan);
       --w.guest.committed_firmware->build;
     }},
    {"sev_snp.policy.abi", [](World& w) { --w.guest.policy; }},
    {"sev_snp.policy.cxl_disabled", [](World& w) { w.guest.policy |= evidence::sev_snp::kPolicyCxlAllow; }},
    {"sev_snp.policy.aes_256_xts", [](World& w) { w.guest.policy &= ~evidence::sev_snp::kPolicyAes256Xts; }},
    {"sev_snp.policy.rapl_disabled", [](World& w) { w.guest.policy &= ~evidence::sev_snp::kPolicyRaplDisabled; }},
    {"sev_snp.policy.ciphertext_hiding",
     [](World& w) { w.guest.policy &= ~evidence::sev_snp::kPolicyCiphertextHiding; }},
    {"sev_snp.policy.page_swap_disabled",
     [](World& w) { w.guest.policy &= ~evidence::sev_snp::kPolicyPageSwapDisabled; }},
    {"sev_snp.platform.alias_check", [](World& w) { w.guest.platform_info &= ~emulator::kPlatformAliasCheckComplete; }},
    {"sev_snp.platform.required", [](World& w) { w.guest.platform_info &= ~emulator::kPlatformEcc; }},
    {"sev_snp.platform.refused", [](World& w) { w.guest.platform_info |= 0x40; }},
    {"sev_snp.mitigations.launch",
     [](World& w) {
       w = good_world(Product::milan, 5);
       w.guest.launch_mit_vector = 0x3d;
     }},
    {"sev_snp.mitigations.launch", [](World& w) { w.policy.sev_snp.mitigations.launch = 1; }},  // version 3 has none
    {"sev_snp.mitigations.current",
     [](World& w) {
       w = good_world(Product::milan, 5);
       w.guest.current_mit_vector = 0x1f;
     }},
    {"sev_snp.family_id", [](World& w) { w.guest.family_id[15] = std::byte{1}; }},
    {"sev_snp.image_id", [](World& w) { w.guest.image_id[15] = std::byte{1}; }},
    {"sev_snp.id_key", [](World& w) { w.guest.id_key_digest[47] = std::byte{1}; }},
    {"sev_snp.author_key", [](World& w) { w.guest.author_key_digest[47] = std::byte{1}; }},
    {"sev_snp.author_key", [](World& w) { w.guest.author_key_en = false; }},
    {"sev_snp.guest_svn", [](World& w) { w.guest.guest_svn = 1; }},
    {"sev_snp.vmpl", [](World& w) { w.guest.vmpl = 1; }},
    {"sev_snp.vmpl", [](World& w) { w.guest.vmpl = 0xFFFFFFFF; }},
    {"sev_snp.chip_id.allowed", [](World& w) { (*w.policy.sev_snp.chip_ids)[0][63] ^= std::byte{1}; }},
    {"sev_snp.report_data", [](World& w) { (*w.expected)[63] ^= std::byte{1}; }},
    {"sev_snp.report_data", [](World& w) { w.expected.reset(); }},
    {"sev_snp.measurement", [](World& w) { w.policy.sev_snp.measurements->at(0)[47] ^= std::byte{1}; }},
    {"sev_snp.measurement", [](World& w) { w.policy.sev_snp.measurements->clear(); }},
    {"sev_snp.host_data", [](World& w) { w.guest.host_data[31] = std::byte{1}; }},
    {"manifest.format",
     [](World& w) {
       w.policy.manifest = {};
       w.manifest.model.id = std::string(evidence::kManifestCap, 'x');
     }},
    {"manifest.model_sha256", [](World& w) { w.manifest.model.sha256[31] = std::byte{1}; }},
    {"manifest.software", [](World& w) { w.manifest.software.version = "0.1.1"; }},
    {"manifest.isolation", [](World& w) { w.manifest.isolation.posture = "none"; }},
    {"manifest.isolation_policy", [](World& w) { w.manifest.isolation.policy_sha256[31] = std::byte{1}; }},
};

class SpoiltWorld : public testing::TestWithParam<Row> {};

TEST_P(SpoiltWorld, FailsExactlyThere) {
  World world = good_world();
  GetParam().spoil(world);
  const Verdict verdict = judge(world);
  EXPECT_FALSE(verdict.accepted());
  if (std::string(GetParam().id) == "sev_snp.product.allowed") {
    EXPECT_THAT(failed(verdict), testing::ElementsAre("sev_snp.product.allowed", "sev_snp.tcb.minimum",
                                                      "sev_snp.tcb.launch", "sev_snp.firmware.minimum"));
  } else {
    EXPECT_THAT(failed(verdict), testing::ElementsAre(GetParam().id)) << render_table(verdict);
  }
}

INSTANTIATE_TEST_SUITE_P(Check, SpoiltWorld, testing::ValuesIn(kRows), [](const auto& row) {
  std::string name = row.param.id;
  std::replace(name.begin(), name.end(), '.', '_');
  return name + "_" + std::to_string(row.index);
});

TEST(Emulated, EveryCheckHasARowThatItFails) {
  std::set<std::string_view> covered;
  for (const Row& row : kRows) covered.insert(row.id);
  const auto expect_covered = [&](const auto& checks) {
    for (const auto* check : checks) {
      // Azure's have their rows in uvm_test.cc.
      EXPECT_TRUE(covered.contains(check->id) || check->id.starts_with("azure.")) << check->id;
    }
  };
  expect_covered(verifier::checks::parse_checks());
  expect_covered(verifier::checks::authenticate_checks());
  expect_covered(verifier::checks::appraise_checks());
}

TEST(Emulated, AllProblemsOfAppraisalAreSeenAtOnce) {
  World world = good_world();
  world.guest.policy |= evidence::sev_snp::kPolicyDebug;
  world.policy.sev_snp.measurements->clear();
  world.manifest.software.version = "9";
  const Verdict verdict = judge(world);
  EXPECT_THAT(failed(verdict),
              testing::ElementsAre("sev_snp.policy.debug_disabled", "sev_snp.measurement", "manifest.software"));
  const Error error = verdict.refusal();
  EXPECT_EQ(error.kind, ErrorKind::not_acceptable);
  EXPECT_THAT(error.what, testing::HasSubstr("debugged"));
  EXPECT_THAT(error.detail, testing::HasSubstr("manifest.software: expected 0.1.0, found 9"));
}

TEST(Emulated, WithoutAManifestWhatThePolicyAsksOfItFails) {
  World world = good_world();
  world.manifest_given = false;
  EXPECT_THAT(failed(judge(world)), testing::ElementsAre("manifest.model_sha256", "manifest.software",
                                                         "manifest.isolation", "manifest.isolation_policy"));
  world.policy.manifest = {};
  EXPECT_TRUE(judge(world).accepted());
}

TEST(Emulated, FreshnessIsWaivedOnlyByName) {
  World world = good_world();
  world.expected.reset();
  world.freshness_not_requested = true;
  EXPECT_TRUE(judge(world).accepted());
  world.expected = ByteArray<64>{};
  EXPECT_THAT(failed(judge(world)), testing::ElementsAre("sev_snp.report_data"));
}

}  // namespace
}  // namespace blindbox
