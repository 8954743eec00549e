// SPDX-License-Identifier: Apache-2.0
// An emulated guest with an endorsement of its utility VM that holds, and for each of Azure's checks the changes that
// make exactly that check fail: what real endorsements cannot show, because nobody has Microsoft's keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <set>

#include "blindbox/emulator/testing.h"
#include "blindbox/verifier/internal/checks.h"
#include "blindbox/verifier/report_text.h"
#include "tests/vectors/made_uvm.h"
#include "tests/vectors/vectors.h"

namespace blindbox {
namespace {

using testing::ElementsAre;
using vectors::MadeUvm;
using verifier::Verdict;

// The same keys as the processor's: an emulated report's root is trusted for its endorsement too, and no other is.
const emulator::Keys& keys() {
  static const emulator::Keys shared = [] {
    (void)emulator::test_processor();
    return emulator::load_keys(emulator::test_keys_folder()).value();
  }();
  return shared;
}

struct World {
  emulator::Guest guest;
  MadeUvm made;
  policy::Policy policy;
  base::Time now = base::now();
  std::function<void(evidence::Evidence&)> tamper = [](evidence::Evidence&) {};
};

World good_world(bool cwt = false) {
  World world;
  world.guest.host_data = base::sha256(base::view("package policy"));
  world.made.cwt = cwt;
  world.made.measurement = emulator::measurement_of(world.guest);
  world.policy.sev_snp.products[world.guest.product] = {};
  world.policy.sev_snp.measurements = {{world.made.measurement}};
  world.policy.azure.uvm = policy::default_uvm();
  world.policy.azure.uvm->issuers = {vectors::issuer_of(world.made, keys())};
  const Bytes root = base::from_hex(emulator::fingerprint(keys())).value();
  world.policy.unsafe.trust_emulator.emplace();
  std::copy(root.begin(), root.end(), world.policy.unsafe.trust_emulator->ark_spki_sha256.begin());
  return world;
}

Verdict judge(const World& world) {
  evidence::Evidence evidence = emulator::test_processor()->evidence(world.guest, {});
  evidence.uvm_endorsement = vectors::make_uvm(world.made, keys());
  evidence.security_policy = base::to_bytes(base::view("package policy"));
  world.tamper(evidence);
  return verifier::verify({.evidence = evidence, .freshness_not_requested = true}, world.policy, world.now);
}

std::vector<std::string> failed(const Verdict& verdict) {
  std::vector<std::string> ids;
  for (const verifier::Finding* finding : verdict.failures()) ids.push_back(finding->id);
  return ids;
}

TEST(MadeUvm, OfBothFormatsAreAccepted) {
  for (const bool cwt : {false, true}) {
    World world = good_world(cwt);
    const Verdict verdict = judge(world);
    EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
    // In the place of pinned measurements.
    world.policy.sev_snp.measurements.reset();
    EXPECT_TRUE(judge(world).accepted());
    world.tamper = [](auto& e) { e.uvm_endorsement.clear(); };
    EXPECT_THAT(failed(judge(world)), ElementsAre("sev_snp.measurement", "azure.uvm.issuer.allowed", "azure.uvm.feed",
                                                  "azure.uvm.svn", "azure.uvm.measurement"));
    world.policy.azure.uvm.reset();
    EXPECT_THAT(failed(judge(world)), ElementsAre("sev_snp.measurement")) << "nobody vouches for the software";
  }
}

TEST(MadeUvm, AreJudgedByMicrosoftsSignersWhereThePolicySaysNothing) {
  World world = good_world();
  world.policy.azure.uvm.reset();
  EXPECT_THAT(failed(judge(world)), ElementsAre("azure.uvm.issuer.allowed"));
  world.made.svn = 99;
  EXPECT_THAT(failed(judge(world)), ElementsAre("azure.uvm.issuer.allowed", "azure.uvm.svn"));
  world.made.feed = "ConfAKS-AMD-UVM";
  world.made.svn = 1;
  EXPECT_THAT(failed(judge(world)), ElementsAre("azure.uvm.issuer.allowed"));
  world.made.svn = 0;
  EXPECT_THAT(failed(judge(world)), ElementsAre("azure.uvm.issuer.allowed", "azure.uvm.svn"));
  world.made.feed = "Another";
  world.made.svn = 1000;
  EXPECT_THAT(failed(judge(world)), ElementsAre("azure.uvm.issuer.allowed", "azure.uvm.feed", "azure.uvm.svn"));
}

// The emulator's root counts beside an emulated report alone, whatever the policy names.
TEST(MadeUvm, BesideARealReportAreRefused) {
  BLINDBOX_NEED_VECTORS();
  const std::string name = "milan-v3-aci-svn101-tav/";
  World world = good_world();
  world.tamper = [&name](evidence::Evidence& e) {
    e.report = vectors::read(name + "report.bin");
    e.certificates = {vectors::read(name + "vcek.der"), vectors::read("_roots/milan_ask.der"),
                      vectors::read("_roots/milan_ark.der")};
    e.security_policy.clear();
  };
  world.now = base::from_iso8601("2030-01-01").value();
  EXPECT_THAT(failed(judge(world)), ElementsAre("azure.uvm.chain"));
}

struct Row {
  const char* id;
  void (*spoil)(World&);
};

// What a test runner prints; the addresses within would change with every run.
void PrintTo(const Row& row, std::ostream* out) { *out << row.id; }

void flip(evidence::Evidence& evidence, std::size_t offset) { evidence.uvm_endorsement[offset] ^= std::byte{1}; }

const Row kRows[] = {
    {"azure.uvm.format", [](World& w) { w.tamper = [](auto& e) { e.uvm_endorsement.push_back(std::byte{0}); }; }},
    {"azure.uvm.format", [](World& w) { w.tamper = [](auto& e) { e.uvm_endorsement = Bytes(1); }; }},
    {"azure.uvm.format", [](World& w) { w.tamper = [](auto& e) { e.uvm_endorsement.resize(300000); }; }},
    {"azure.uvm.format", [](World& w) { w.made.feed = ""; }},
    {"azure.uvm.format", [](World& w) { w.made.order = {0}; }},
    {"azure.uvm.format", [](World& w) { w.made.order = {}; }},
    {"azure.uvm.format", [](World& w) { w.made.order = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2}; }},
    {"azure.uvm.format", [](World& w) { w.made.signed_at = base::Time(std::chrono::seconds(-1)); }},
    {"azure.uvm.algorithm",  // signed with what it says
     [](World& w) { w.made.algorithm = -37, w.made.digest = "SHA2-256", w.made.salt_length = 32; }},
    {"azure.uvm.algorithm", [](World& w) { w.made.algorithm = -35, w.made.sign_with_ec = true; }},
    {"azure.uvm.algorithm", [](World& w) { w.made.algorithm = 38; }},
    {"azure.uvm.chain",
     [](World& w) {
       w.made.order = {0, 2, 1};
     }},
    {"azure.uvm.chain",
     [](World& w) {
       w.made.order = {1, 0, 2};
     }},
    {"azure.uvm.chain",
     [](World& w) {
       w.made.order = {0, 1};
     }},
    {"azure.uvm.chain",
     [](World& w) {
       w.made.order = {0, 2};
     }},
    {"azure.uvm.chain", [](World& w) { w.made.leaf_by_root = true; }},  // a certificate that is no part of the path
    {"azure.uvm.chain", [](World& w) { w.made.signed_at = w.now + std::chrono::seconds(1); }},
    {"azure.uvm.chain", [](World& w) { w.now = w.made.signed_at - std::chrono::seconds(1); }},
    {"azure.uvm.chain", [](World& w) { w.made.leaf_until = w.made.signed_at - std::chrono::seconds(1); }},
    {"azure.uvm.chain", [](World& w) { w.made.signed_at -= std::chrono::hours(72); }},  // before any of them
    {"azure.uvm.chain", [](World& w) { w.made.leaf_constraints = "critical,CA:TRUE"; }},
    {"azure.uvm.chain", [](World& w) { w.made.leaf_key_usage = "critical,keyAgreement"; }},
    {"azure.uvm.chain", [](World& w) { w.made.intermediate_constraints = "critical,CA:FALSE"; }},
    {"azure.uvm.chain", [](World& w) { w.made.intermediate_constraints = ""; }},
    {"azure.uvm.chain", [](World& w) { w.made.intermediate_key_usage = "critical,digitalSignature"; }},
    {"azure.uvm.chain", [](World& w) { w.made.root_constraints = "critical,CA:TRUE,pathlen:0"; }},
    {"azure.uvm.chain", [](World& w) { w.made.certificate_digest = "SHA1"; }},
    {"azure.uvm.signature", [](World& w) { w.tamper = [](auto& e) { flip(e, e.uvm_endorsement.size() - 1); }; }},
    {"azure.uvm.signature",  // the payload
     [](World& w) { w.tamper = [](auto& e) { flip(e, e.uvm_endorsement.size() - 512 - 3 - 3); }; }},
    {"azure.uvm.signature", [](World& w) { w.made.salt_length = 32; }},
    {"azure.uvm.signature", [](World& w) { w.made.digest = "SHA2-256"; }},  // PS256 that claims to be PS384
    {"azure.uvm.signature", [](World& w) { w.made.sign_with_ec = true; }},
    {"azure.uvm.signature",  // the protected header: another feed of the same length
     [](World& w) {
       w.tamper = [](auto& e) {
         const std::string_view feed = "ContainerPlat-AMD-UVM";
         auto& bytes = e.uvm_endorsement;
         const auto at = std::search(bytes.begin(), bytes.end(), base::view(feed).begin(), base::view(feed).end());
         *at ^= std::byte{1};
       };
     }},
    {"azure.uvm.issuer", [](World& w) { w.made.leaf_eku = "1.3.6.1.4.1.311.76.59.1.1"; }},
    {"azure.uvm.issuer", [](World& w) { w.made.leaf_eku = ""; }},
    {"azure.uvm.issuer", [](World& w) { w.made.issuer = std::string(policy::known_uvm_signers()[0].issuer); }},
    {"azure.uvm.issuer", [](World& w) { w.made.issuer = "Microsoft"; }},
    {"azure.uvm.issuer.allowed", [](World& w) { w.policy.azure.uvm->issuers[0] += "1"; }},
    {"azure.uvm.issuer.allowed", [](World& w) { w.policy.azure.uvm->issuers.clear(); }},
    {"azure.uvm.issuer.allowed",  // a name of the same signer that nobody listed
     [](World& w) { w.made.eku = "1.3.6.1.4.1.311.76.59.1.1"; }},
    {"azure.uvm.feed", [](World& w) { w.made.feed = "ContainerPlat-AMD-UVM-Test"; }},
    {"azure.uvm.feed", [](World& w) { w.policy.azure.uvm->feeds.clear(); }},
    {"azure.uvm.svn", [](World& w) { w.made.svn = 99; }},
    {"azure.uvm.svn", [](World& w) { w.policy.azure.uvm->minimum_svn = 101; }},
    {"azure.uvm.measurement", [](World& w) { w.made.measurement[47] ^= std::byte{1}; }},
    {"azure.security_policy",
     [](World& w) { w.tamper = [](auto& e) { e.security_policy.push_back(std::byte{'\n'}); }; }},
    {"azure.security_policy", [](World& w) { w.guest.host_data = {}; }},
};

class SpoiltUvm : public testing::TestWithParam<std::tuple<Row, bool>> {};

TEST_P(SpoiltUvm, FailsExactlyThere) {
  const auto& [row, cwt] = GetParam();
  World world = good_world(cwt);
  row.spoil(world);
  const Verdict verdict = judge(world);
  EXPECT_FALSE(verdict.accepted());
  EXPECT_THAT(failed(verdict), ElementsAre(row.id)) << render_table(verdict);
}

INSTANTIATE_TEST_SUITE_P(Check, SpoiltUvm, testing::Combine(testing::ValuesIn(kRows), testing::Bool()),
                         [](const auto& row) {
                           std::string name = std::get<0>(row.param).id;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name + "_" + std::to_string(row.index);
                         });

TEST(MadeUvm, EveryCheckHasARowThatItFails) {
  std::set<std::string_view> covered;
  for (const Row& row : kRows) covered.insert(row.id);
  const auto expect_covered = [&](const auto& checks) {
    for (const auto* check : checks) {
      const bool ours = check->id.starts_with("azure.uvm.") || check->id == "azure.security_policy";
      EXPECT_TRUE(covered.contains(check->id) || !ours) << check->id;
    }
  };
  expect_covered(verifier::checks::parse_checks());
  expect_covered(verifier::checks::authenticate_checks());
  expect_covered(verifier::checks::appraise_checks());
}

}  // namespace
}  // namespace blindbox
