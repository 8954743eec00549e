// SPDX-License-Identifier: Apache-2.0
// Every SEV-SNP case among the vectors, and what must come of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <set>

#include "blindbox/endorsements/sev_snp/chain.h"
#include "blindbox/endorsements/sev_snp/crl.h"
#include "blindbox/endorsements/sev_snp/leaf.h"
#include "blindbox/evidence/sev_snp/report.h"
#include "blindbox/verifier/report_text.h"
#include "blindbox/verifier/verify.h"
#include "tests/vectors/vectors.h"

namespace blindbox {
namespace {

using evidence::sev_snp::Product;
using verifier::Stage;
using verifier::Verdict;

struct Case {
  const char* name;
  const char* leaf;     // file in the case's folder; empty: none
  const char* product;  // of the chain beside it
  const char* at;       // a date inside the certificates' validity
  std::uint32_t version;
  const char* refused_by;  // empty: accepted
};

// What a test runner prints; the addresses within would change with every run.
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

constexpr Case kCases[] = {
    {"milan-v2-aci-kms", "vcek.der", "milan", "2023-06-01", 2, ""},
    {"milan-v2-automata", "vcek.der", "milan", "2024-12-01", 2, ""},
    {"milan-v2-azcvm-trustee2", "vcek.der", "milan", "2023-06-01", 2, ""},
    {"milan-v2-virtee", "vcek.der", "milan", "2023-06-01", 2, ""},
    {"milan-v2-google-debug", "vcek.der", "milan", "2023-06-01", 2, "sev_snp.policy.debug_disabled"},
    {"milan-v2-azcvm-kinvolk-wrongvcek", "vcek_of_other_chip.der", "milan", "2023-06-01", 2, "sev_snp.signature"},
    {"milan-v2-sidecar-fake2", "", "milan", "2023-06-01", 2, "sev_snp.chain.complete"},
    {"milan-v3-aci-svn101-css0617", "vcek.der", "milan", "2025-06-17", 3, ""},
    {"milan-v3-aci-svn101-css0925", "vcek.der", "milan", "2025-09-25", 3, ""},
    {"milan-v3-aci-svn101-sidecar", "vcek.der", "milan", "2025-06-17", 3, ""},
    {"milan-v3-aci-svn101-tav", "vcek.der", "milan", "2026-03-01", 3, ""},
    {"milan-v3-aci-svn101-tav", "vcek_reissue1.der", "milan", "2026-03-01", 3, ""},
    {"milan-v3-aci-svn103-cleanroom-a", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-aci-svn103-cleanroom-b", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-aci-svn103-cleanroom-c", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-azcvm-cdai", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-azcvm-lunal", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-azcvm-trustee-v0", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-azcvm-trustee-v1", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-oak-cb", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-oak-oc-release", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"milan-v3-oak-oc-staging", "vcek.der", "milan", "2025-09-01", 3, ""},
    {"genoa-v3-aci-tav", "vcek.der", "genoa", "2026-03-01", 3, ""},
    {"turin-v5-aci-tav", "vcek.der", "turin", "2026-03-01", 5, ""},
    {"v1-fake-hcsshim", "", "milan", "2025-09-01", 1, "sev_snp.report.version"},
    {"v1-fake-sidecar", "", "milan", "2025-09-01", 1, "sev_snp.report.version"},
};

evidence::Evidence load(const Case& row) {
  evidence::Evidence evidence;
  evidence.report = vectors::read(std::string(row.name) + "/report.bin");
  const std::string roots = "_roots/" + std::string(row.product);
  evidence.certificates = {vectors::read(roots + "_ask.der"), vectors::read(roots + "_ark.der")};
  if (*row.leaf != '\0') evidence.certificates.push_back(vectors::read(std::string(row.name) + "/" + row.leaf));
  return evidence;
}

// Reads a value at its offset in Table 23, not through our parser.
template <std::size_t N>
ByteArray<N> at_offset(const Bytes& report, std::size_t offset) {
  ByteArray<N> out{};
  std::copy_n(report.begin() + static_cast<std::ptrdiff_t>(offset), N, out.begin());
  return out;
}

// The policy of an owner who expects just this guest.
policy::Policy policy_for(const evidence::Evidence& evidence) {
  policy::Policy policy;
  // The floors that attestation practice gives for old, genuine evidence: zero, so that only the rest decides.
  for (const Product product : evidence::sev_snp::kProducts) policy.sev_snp.products[product] = {};
  policy.sev_snp.measurements = {{at_offset<48>(evidence.report, 0x90)}};
  policy.sev_snp.host_data = {{at_offset<32>(evidence.report, 0xC0)}};
  policy.sev_snp.chip_ids = {{at_offset<64>(evidence.report, 0x1A0)}};
  return policy;
}

Verdict judge(const evidence::Evidence& evidence, const policy::Policy& policy, const std::string& at) {
  const verifier::Subject subject{.evidence = evidence,
                                  .expected_report_data = at_offset<64>(evidence.report, 0x50),
                                  .freshness_not_requested = false,
                                  .manifest = std::nullopt};
  return verifier::verify(subject, policy, base::from_iso8601(at).value());
}

std::vector<std::string> failed(const Verdict& verdict) {
  std::vector<std::string> ids;
  for (const verifier::Finding* finding : verdict.failures()) ids.push_back(finding->id);
  return ids;
}

class RealReports : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { BLINDBOX_NEED_VECTORS(); }
};

TEST_P(RealReports, AreJudgedAsTheManifestSays) {
  const evidence::Evidence evidence = load(GetParam());
  EXPECT_EQ(evidence::sev_snp::report_version(evidence.report), GetParam().version);
  const Verdict verdict = judge(evidence, policy_for(evidence), GetParam().at);
  EXPECT_FALSE(verdict.emulated());
  if (*GetParam().refused_by == '\0') {
    EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
    EXPECT_EQ(verdict.reached(), Stage::appraise);
  } else {
    EXPECT_FALSE(verdict.accepted());
    EXPECT_THAT(failed(verdict), testing::ElementsAre(GetParam().refused_by)) << render_table(verdict);
  }
}

INSTANTIATE_TEST_SUITE_P(SevSnp, RealReports, testing::ValuesIn(kCases), [](const auto& row) {
  std::string name = std::string(row.param.name) + "_" + row.param.leaf;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(Vectors, EveryFolderOfReportsIsACase) {
  BLINDBOX_NEED_VECTORS();
  std::set<std::string> known;
  for (const Case& row : kCases) known.insert(row.name);
  for (const auto& entry : std::filesystem::directory_iterator(vectors::sev_snp_folder())) {
    if (std::filesystem::exists(entry.path() / "report.bin")) {
      EXPECT_TRUE(known.contains(entry.path().filename())) << entry.path();
    }
  }
}

std::vector<Case> accepted_cases() {
  std::vector<Case> out;
  std::copy_if(std::begin(kCases), std::end(kCases), std::back_inserter(out),
               [](const Case& row) { return *row.refused_by == '\0'; });
  return out;
}

const Case& accepted_case() { return kCases[0]; }

TEST(RealEvidence, IsRefusedBeforeAndAfterItsCertificatesAreValid) {
  BLINDBOX_NEED_VECTORS();
  const evidence::Evidence evidence = load(accepted_case());
  const policy::Policy policy = policy_for(evidence);
  // VCEK: 2022-11-29T11:37:50Z to 2029-11-29T11:37:50Z.
  EXPECT_THAT(failed(judge(evidence, policy, "2022-11-29T11:37:49Z")), testing::ElementsAre("sev_snp.chain.dates"));
  EXPECT_TRUE(judge(evidence, policy, "2022-11-29T11:37:50Z").accepted());
  EXPECT_TRUE(judge(evidence, policy, "2029-11-29T11:37:50Z").accepted());
  EXPECT_THAT(failed(judge(evidence, policy, "2029-11-29T11:37:51Z")), testing::ElementsAre("sev_snp.chain.dates"));
}

TEST(RealEvidence, IsRefusedWithAnotherProductsChain) {
  BLINDBOX_NEED_VECTORS();
  Case row = accepted_case();
  row.product = "genoa";
  const evidence::Evidence evidence = load(row);
  EXPECT_THAT(failed(judge(evidence, policy_for(evidence), row.at)), testing::ElementsAre("sev_snp.chain.complete"));
}

TEST(RealEvidence, IsRefusedWithTheVlekAuthorityInTheVceksPlace) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence = load(accepted_case());
  evidence.certificates[0] = vectors::read("_roots/milan_asvk.der");
  EXPECT_THAT(failed(judge(evidence, policy_for(evidence), accepted_case().at)),
              testing::ElementsAre("sev_snp.chain.complete"));
}

TEST(RealEvidence, ALeafAloneIsCompletedWithAmdsOwnChain) {
  BLINDBOX_NEED_VECTORS();
  for (const Case& row : accepted_cases()) {
    evidence::Evidence evidence = load(row);
    evidence.certificates.erase(evidence.certificates.begin(), evidence.certificates.begin() + 2);
    ASSERT_EQ(evidence.certificates.size(), 1U);
    EXPECT_TRUE(judge(evidence, policy_for(evidence), row.at).accepted()) << row.name;
    evidence.certificates.front()[evidence.certificates.front().size() - 1] ^= std::byte{1};
    EXPECT_THAT(failed(judge(evidence, policy_for(evidence), row.at)), testing::ElementsAre("sev_snp.chain.complete"));
  }
}

TEST(RealEvidence, ToleratesMoreCertificatesInAnyOrder) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence = load(accepted_case());
  std::reverse(evidence.certificates.begin(), evidence.certificates.end());
  evidence.certificates.push_back(vectors::read("_roots/milan_asvk.der"));
  evidence.certificates.push_back(evidence.certificates.front());
  EXPECT_TRUE(judge(evidence, policy_for(evidence), accepted_case().at).accepted());
}

TEST(RealEvidence, TakesTheLatestOfAKeysCertificates) {
  BLINDBOX_NEED_VECTORS();
  const auto row = std::ranges::find(kCases, std::string_view("milan-v3-aci-svn101-tav"), &Case::name);
  evidence::Evidence evidence = load(*row);
  evidence.certificates.push_back(vectors::read("milan-v3-aci-svn101-tav/vcek_reissue1.der"));
  const policy::Policy policy = policy_for(evidence);
  EXPECT_TRUE(judge(evidence, policy, row->at).accepted());
  std::ranges::reverse(evidence.certificates);
  EXPECT_TRUE(judge(evidence, policy, row->at).accepted());
  EXPECT_TRUE(judge(evidence, policy, "2026-01-15").accepted()) << "before it was issued the first one counts";
}

TEST(RealEvidence, TakesOfSeveralChipsTheReportsOwn) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence = load(accepted_case());
  const policy::Policy policy = policy_for(evidence);
  const Bytes own = evidence.certificates.back();
  evidence.certificates.push_back(vectors::read("milan-v3-aci-svn101-tav/vcek.der"));
  evidence.certificates.push_back(vectors::read("milan-v2-google-debug/vcek.der"));
  EXPECT_TRUE(judge(evidence, policy, accepted_case().at).accepted());
  // Where none speaks of the report, nobody chooses.
  std::erase(evidence.certificates, own);
  EXPECT_THAT(failed(judge(evidence, policy, accepted_case().at)), testing::ElementsAre("sev_snp.chain.complete"));
}

TEST(RealEvidence, ALeafThatAmdDidNotSignIsRefused) {
  BLINDBOX_NEED_VECTORS();
  for (const char* leaf : {"test-vcek-invalid-new.der", "test-vcek-invalid-legacy.der"}) {
    evidence::Evidence evidence = load(accepted_case());
    evidence.certificates.back() = vectors::read(std::string("leaf-not-amd-signed/") + leaf);
    EXPECT_THAT(failed(judge(evidence, policy_for(evidence), "2024-01-01")),
                testing::ElementsAre("sev_snp.chain.signatures"));
  }
}

TEST(RealEvidence, TheEmulatorsKeyInThePolicyChangesNothing) {
  BLINDBOX_NEED_VECTORS();
  const evidence::Evidence evidence = load(accepted_case());
  policy::Policy policy = policy_for(evidence);
  policy.unsafe.trust_emulator = policy::TrustEmulator{};
  const Verdict verdict = judge(evidence, policy, accepted_case().at);
  EXPECT_TRUE(verdict.accepted());
  EXPECT_FALSE(verdict.emulated());
}

TEST(RealEvidence, AMinimumTcbIsComparedPartByPart) {
  BLINDBOX_NEED_VECTORS();
  const evidence::Evidence evidence = load(accepted_case());
  policy::Policy policy = policy_for(evidence);
  // The report: boot loader 3, TEE 0, SNP 8, microcode 115.
  policy.sev_snp.products[Product::milan] = {.minimum_tcb = {.bootloader = 3, .tee = 0, .snp = 8, .microcode = 115}};
  EXPECT_TRUE(judge(evidence, policy, accepted_case().at).accepted());
  policy.sev_snp.products[Product::milan] = {.minimum_tcb = {.bootloader = 0, .tee = 0, .snp = 9, .microcode = 0}};
  EXPECT_THAT(failed(judge(evidence, policy, accepted_case().at)),
              testing::ElementsAre("sev_snp.tcb.minimum", "sev_snp.tcb.launch"));
}

TEST(RealLeaves, AllHaveExtensionsThatRead) {
  BLINDBOX_NEED_VECTORS();
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(vectors::sev_snp_folder() + "/leaf-only-ext")) {
    const std::string name = entry.path().filename();
    const auto leaf = endorsements::Certificate::parse(vectors::read("leaf-only-ext/" + name));
    ASSERT_TRUE(leaf) << name;
    const auto claims = endorsements::sev_snp::read_leaf(*leaf, evidence::sev_snp::SigningKey::vcek);
    ASSERT_TRUE(claims) << name << ": " << claims.error().detail;
    const bool turin = name.find("turin") != std::string::npos;
    EXPECT_EQ(claims->product == Product::turin, turin) << name;
    EXPECT_EQ(claims->hwid.size(), turin ? 8U : 64U) << name;
    ++count;
  }
  EXPECT_EQ(count, 8U);
}

// A chip's certificate must not be taken for a provider's.
TEST(RealLeaves, AVcekIsNoVlek) {
  BLINDBOX_NEED_VECTORS();
  const auto leaf = endorsements::Certificate::parse(vectors::read("turin-v5-aci-tav/vcek.der"));
  ASSERT_TRUE(leaf);
  EXPECT_FALSE(endorsements::sev_snp::read_leaf(*leaf, evidence::sev_snp::SigningKey::vlek));
}

// A chain whose leaf is any certificate: revocation looks at serial numbers, issuers and dates alone.
endorsements::sev_snp::Chain chain_of(const Bytes& leaf, const Bytes& intermediate, const Bytes& root) {
  return {evidence::sev_snp::SigningKey::vcek, endorsements::Certificate::parse(leaf).value(),
          endorsements::Certificate::parse(intermediate).value(), endorsements::Certificate::parse(root).value()};
}

TEST(RealCrls, HoldInTheirTimeAndUnderTheirRoot) {
  BLINDBOX_NEED_VECTORS();
  const Bytes crl = vectors::read_pem("_roots/test_amd_milan_crl.pem");  // 2025-05-06 to 2026-05-12
  evidence::Evidence evidence = load(kCases[7]);
  evidence.crls = {crl};
  policy::Policy policy = policy_for(evidence);
  policy.sev_snp.require_crl = true;
  EXPECT_TRUE(judge(evidence, policy, "2025-06-17").accepted());
  EXPECT_TRUE(judge(evidence, policy, "2026-05-12T00:00:00Z").accepted());
  EXPECT_THAT(failed(judge(evidence, policy, "2026-05-12T00:00:01Z")), testing::ElementsAre("sev_snp.crl"));
  EXPECT_THAT(failed(judge(evidence, policy, "2025-05-06T12:39:05Z")), testing::ElementsAre("sev_snp.crl"));

  evidence.crls = {vectors::read_pem("_roots/test_amd_genoa_crl.pem")};
  EXPECT_THAT(failed(judge(evidence, policy, "2025-06-17")), testing::ElementsAre("sev_snp.crl"));
  policy.sev_snp.require_crl = false;  // another root's is none of this chain's
  EXPECT_TRUE(judge(evidence, policy, "2025-06-17").accepted());
  policy.sev_snp.require_crl = true;
  // All of AMD's side by side, a stale one among them: the newest of this root's counts.
  const Bytes stale = vectors::read("crl-milan-2022/crl.der");
  evidence.crls = {stale, evidence.crls[0], crl};
  EXPECT_TRUE(judge(evidence, policy, "2025-06-17").accepted());
  EXPECT_THAT(failed(judge(evidence, policy, "2026-05-13")), testing::ElementsAre("sev_snp.crl"));
  evidence.crls = {stale};
  EXPECT_THAT(failed(judge(evidence, policy, "2025-06-17")), testing::ElementsAre("sev_snp.crl"));
  evidence.crls.clear();
  EXPECT_THAT(failed(judge(evidence, policy, "2025-06-17")), testing::ElementsAre("sev_snp.crl"));
  policy.sev_snp.require_crl = false;
  EXPECT_TRUE(judge(evidence, policy, "2025-06-17").accepted());
  evidence.crls = {crl};
  evidence.crls[0][200] ^= std::byte{1};
  EXPECT_THAT(failed(judge(evidence, policy, "2025-06-17")), testing::ElementsAre("sev_snp.crl"));
}

TEST(RealCrls, NameARevokedIntermediate) {
  BLINDBOX_NEED_VECTORS();
  // AMD's Genoa list of 2022 revokes 0x20001, the serial number of the Genoa intermediate that was superseded. It
  // travels inside a PkiPath: find the certificate by its own header.
  const Bytes path = vectors::read("_roots/genoa_old_2022-01.pkipath");
  const Bytes root = vectors::read("_roots/genoa_ark.der");
  const Bytes crl = vectors::read("crl-genoa-2022/crl.der");
  std::optional<Bytes> old;
  for (std::size_t i = 0; i + 4 < path.size() && !old; ++i) {
    if (path[i] != std::byte{0x30} || path[i + 1] != std::byte{0x82}) continue;
    const std::size_t length =
        4 + std::to_integer<std::size_t>(path[i + 2]) * 256 + std::to_integer<std::size_t>(path[i + 3]);
    if (i + length > path.size()) continue;
    const auto candidate = endorsements::Certificate::parse(ByteView(path).subspan(i, length));
    if (candidate && candidate->common_name() == "SEV-Genoa") old = candidate->der();
  }
  ASSERT_TRUE(old);
  const Bytes leaf = vectors::read("genoa-v3-aci-tav/vcek.der");
  const base::Time at = base::from_iso8601("2022-12-01").value();
  const auto revoked = endorsements::sev_snp::check_crls({crl}, chain_of(leaf, *old, root), at);
  ASSERT_FALSE(revoked);
  EXPECT_EQ(revoked.error().what, "SEV-Genoa is revoked");
  const Bytes current = vectors::read("_roots/genoa_ask.der");
  EXPECT_TRUE(endorsements::sev_snp::check_crls({crl}, chain_of(leaf, current, root), at));
}

class BitFlips : public testing::TestWithParam<std::tuple<Case, int>> {
 protected:
  void SetUp() override { BLINDBOX_NEED_VECTORS(); }
};

// Every bit, two bits of each byte to a shard: refused, whatever it means.
TEST_P(BitFlips, OfAReportAreAllRefused) {
  const auto& [row, shard] = GetParam();
  const evidence::Evidence genuine = load(row);
  const policy::Policy policy = policy_for(genuine);
  const base::Time at = base::from_iso8601(row.at).value();
  evidence::Evidence flipped = genuine;
  ASSERT_TRUE(judge(flipped, policy, row.at).accepted());
  for (std::size_t i = 0; i < genuine.report.size() * 2; ++i) {
    flipped.report[i / 2] ^= std::byte{1} << (2 * static_cast<std::size_t>(shard) + i % 2);
    // Even where the owner expects what the flipped report says, it must not get past authentication.
    const verifier::Subject subject{.evidence = flipped, .expected_report_data = at_offset<64>(flipped.report, 0x50)};
    const Verdict verdict = verifier::verify(subject, policy, at);
    EXPECT_NE(verdict.reached(), Stage::appraise) << "offset " << i / 2;
    EXPECT_FALSE(verdict.accepted()) << "offset " << i / 2;
    flipped.report[i / 2] = genuine.report[i / 2];
  }
}

INSTANTIATE_TEST_SUITE_P(Case, BitFlips, testing::Combine(testing::ValuesIn(accepted_cases()), testing::Range(0, 4)),
                         [](const auto& which) {
                           std::string name = std::get<0>(which.param).name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_" + std::to_string(which.index);
                         });

TEST(RealEvidence, WithOneBitOfACertificateFlippedIsRefused) {
  BLINDBOX_NEED_VECTORS();
  const evidence::Evidence genuine = load(accepted_case());
  const policy::Policy policy = policy_for(genuine);
  evidence::Evidence flipped = genuine;
  for (std::size_t which = 0; which < genuine.certificates.size(); ++which) {
    for (std::size_t i = 0; i < genuine.certificates[which].size(); i += 3) {
      flipped.certificates[which][i] ^= std::byte{1} << (i % 8);
      EXPECT_FALSE(judge(flipped, policy, accepted_case().at).accepted()) << which << " offset " << i;
      flipped.certificates[which][i] = genuine.certificates[which][i];
    }
  }
}

}  // namespace
}  // namespace blindbox
