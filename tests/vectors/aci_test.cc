// SPDX-License-Identifier: Apache-2.0
// Every case of an Azure container instance among the vectors, and what must come of it: report, certificates, the
// endorsement of the utility VM and the container policy together, at the date at which they were made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <set>

#include "blindbox/endorsements/did_x509.h"
#include "blindbox/endorsements/roots.h"
#include "blindbox/endorsements/uvm/signature.h"
#include "blindbox/evidence/cose.h"
#include "blindbox/verifier/report_text.h"
#include "blindbox/verifier/verify.h"
#include "tests/vectors/vectors.h"

namespace blindbox {
namespace {

using evidence::sev_snp::Product;
using testing::ElementsAre;
using verifier::Verdict;

struct Case {
  const char* name;
  const char* product;  // of the roots, where the case has only a VCEK; empty: it has the whole chain
  const char* at;
  std::uint64_t svn;
  bool security_policy;
};

// What a test runner prints; the addresses within would change with every run.
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

constexpr Case kCases[] = {
    {"kms-svn100", "", "2024-06-01", 100, false},
    {"css-20250617", "", "2025-06-18", 101, false},
    {"css-20250925", "", "2025-09-25", 101, false},
    {"cleanroom-svn103-enc", "", "2025-10-15", 103, true},
    {"cleanroom-svn103-sign", "", "2025-10-15", 103, true},
    {"tav-milan-svn101", "milan", "2026-03-01", 101, false},
    {"tav-genoa-svn101", "genoa", "2026-03-01", 101, false},
    // Signed a year before its leaf expired, judged after.
    {"tav-turin-svn104", "turin", "2026-06-01", 104, false},
};

// Folders without a report: what they hold is judged by itself, below.
const std::set<std::string> kOthers = {"did-x509", "sidecar-secctx-svn100", "uvm-cwt-svn104-receipt"};

std::string path(const Case& row, const char* file) { return "aci/" + std::string(row.name) + "/" + file; }

evidence::Evidence load(const Case& row) {
  evidence::Evidence evidence;
  evidence.report = vectors::read_evidence(path(row, "report.bin"));
  if (*row.product == '\0') {
    evidence.certificates = vectors::read_pems(path(row, "endorsements.pem"));
  } else {
    evidence.certificates = vectors::read_pems(path(row, "vcek.pem"));
    const std::string roots = "_roots/" + std::string(row.product);
    for (const char* file : {"_ask.der", "_ark.der"}) evidence.certificates.push_back(vectors::read(roots + file));
  }
  evidence.uvm_endorsement = vectors::read_evidence(path(row, "uvm_reference_info.cose"));
  if (row.security_policy) evidence.security_policy = vectors::read_evidence(path(row, "security_policy.rego"));
  return evidence;
}

// The policy of an owner who trusts Microsoft's utility VMs of this SVN and up, and pins nothing.
policy::Policy policy_for(std::uint64_t svn) {
  policy::Policy policy;
  for (const Product product : evidence::sev_snp::kProducts) policy.sev_snp.products[product] = {};
  policy.sev_snp.measurements.reset();
  policy.azure.uvm = policy::default_uvm();
  policy.azure.uvm->minimum_svn = svn;
  return policy;
}

Verdict judge(const evidence::Evidence& evidence, const policy::Policy& policy, const std::string& at) {
  ByteArray<64> report_data{};  // at its offset in Table 23
  if (evidence.report.size() > 0x90) std::copy_n(evidence.report.begin() + 0x50, 64, report_data.begin());
  return verifier::verify({.evidence = evidence, .expected_report_data = report_data}, policy,
                          base::from_iso8601(at).value());
}

std::vector<std::string> failed(const Verdict& verdict) {
  std::vector<std::string> ids;
  for (const verifier::Finding* finding : verdict.failures()) ids.push_back(finding->id);
  return ids;
}

std::string outcome(const Verdict& verdict, std::string_view id) {
  for (const auto& finding : verdict.findings()) {
    if (finding.id == id) return outcome_name(finding.outcome);
  }
  return "not run";
}

class RealContainers : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { BLINDBOX_NEED_VECTORS(); }
};

TEST_P(RealContainers, AreAccepted) {
  const evidence::Evidence evidence = load(GetParam());
  const Verdict verdict = judge(evidence, policy_for(GetParam().svn), GetParam().at);
  EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
  for (const char* id : {"azure.uvm.format", "azure.uvm.algorithm", "azure.uvm.chain", "azure.uvm.signature",
                         "azure.uvm.issuer", "azure.uvm.issuer.allowed", "azure.uvm.feed", "azure.uvm.svn",
                         "azure.uvm.measurement", "sev_snp.measurement"}) {
    EXPECT_EQ(outcome(verdict, id), "passed") << id;
  }
  EXPECT_EQ(outcome(verdict, "azure.security_policy"), GetParam().security_policy ? "passed" : "not_requested");
}

TEST_P(RealContainers, AreRefusedBelowTheSvnThatThePolicyWants) {
  const Verdict verdict = judge(load(GetParam()), policy_for(GetParam().svn + 1), GetParam().at);
  EXPECT_THAT(failed(verdict), ElementsAre("azure.uvm.svn"));
  EXPECT_EQ(verdict.refusal().kind, ErrorKind::not_acceptable);
}

TEST_P(RealContainers, AreJudgedWhereThePolicyAsksForNothing) {
  evidence::Evidence evidence = load(GetParam());
  policy::Policy policy = policy_for(0);
  policy.azure.uvm.reset();
  policy.no_expected_software = true;
  const Verdict verdict = judge(evidence, policy, GetParam().at);
  EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
  EXPECT_EQ(outcome(verdict, "azure.uvm.measurement"), "passed");
  EXPECT_EQ(outcome(verdict, "sev_snp.measurement"), "not_requested");
  evidence.uvm_endorsement.back() ^= std::byte{1};
  EXPECT_THAT(failed(judge(evidence, policy, GetParam().at)), ElementsAre("azure.uvm.signature"));
}

TEST_P(RealContainers, AreRefusedBeforeTheyWereEndorsed) {
  // Years before any of them: a signature of the future. The host's certificates are not there yet either.
  const Verdict verdict = judge(load(GetParam()), policy_for(0), "2023-01-01");
  EXPECT_FALSE(verdict.accepted());
}

INSTANTIATE_TEST_SUITE_P(Aci, RealContainers, testing::ValuesIn(kCases), [](const auto& row) {
  std::string name = row.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(Containers, EveryFolderIsACase) {
  BLINDBOX_NEED_VECTORS();
  std::set<std::string> known = kOthers;
  for (const Case& row : kCases) known.insert(row.name);
  for (const auto& entry : std::filesystem::directory_iterator(vectors::sev_snp_folder() + "/../aci")) {
    EXPECT_TRUE(known.contains(entry.path().filename())) << entry.path();
  }
}

TEST(Containers, ContainerPolicyOfAnotherGroupIsRefused) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence = load(kCases[3]);
  evidence.security_policy.push_back(std::byte{'\n'});
  const Verdict verdict = judge(evidence, policy_for(100), kCases[3].at);
  EXPECT_THAT(failed(verdict), ElementsAre("azure.security_policy"));
  EXPECT_EQ(verdict.refusal().kind, ErrorKind::not_acceptable);
}

TEST(Containers, AnEndorsementThatIsAskedForMustBeThere) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence = load(kCases[0]);
  evidence.uvm_endorsement.clear();
  const Verdict verdict = judge(evidence, policy_for(100), kCases[0].at);
  EXPECT_THAT(failed(verdict), ElementsAre("sev_snp.measurement", "azure.uvm.issuer.allowed", "azure.uvm.feed",
                                           "azure.uvm.svn", "azure.uvm.measurement"));
  EXPECT_EQ(verdict.refusal().kind, ErrorKind::not_acceptable);
}

TEST(Containers, AnotherContainersEndorsementIsRefused) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence = load(kCases[5]);
  evidence.uvm_endorsement = vectors::read_evidence("aci/uvm-cwt-svn104-receipt/uvm.cose");
  EXPECT_THAT(failed(judge(evidence, policy_for(100), "2026-06-01")),
              ElementsAre("sev_snp.measurement", "azure.uvm.measurement"));
  policy::Policy pinned = policy_for(100);
  pinned.sev_snp.measurements.emplace().emplace_back();
  std::copy_n(evidence.report.begin() + 0x90, 48, pinned.sev_snp.measurements->front().begin());
  EXPECT_THAT(failed(judge(evidence, pinned, "2026-06-01")), ElementsAre("azure.uvm.measurement"))
      << "a measurement that the policy lists needs no endorsement, but one that is there must be true";
}

TEST(Containers, APinnedMeasurementIsNotOutweighedByAnEndorsement) {
  BLINDBOX_NEED_VECTORS();
  policy::Policy policy = policy_for(100);
  policy.sev_snp.measurements = {{ByteArray<48>{}}};
  EXPECT_THAT(failed(judge(load(kCases[0]), policy, kCases[0].at)), ElementsAre("sev_snp.measurement"));
}

TEST(Containers, MalformedMessageEndsTheParseStage) {
  BLINDBOX_NEED_VECTORS();
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{10844}}) {
    evidence::Evidence evidence = load(kCases[0]);
    evidence.uvm_endorsement.resize(size);
    const Verdict verdict = judge(evidence, policy_for(100), kCases[0].at);
    EXPECT_THAT(failed(verdict), ElementsAre("azure.uvm.format"));
    EXPECT_EQ(verdict.refusal().kind, ErrorKind::malformed);
  }
  // A COSE_Sign1 of another service, from the same folder.
  evidence::Evidence evidence = load(kCases[1]);
  evidence.uvm_endorsement = vectors::read_evidence("aci/css-20250617/attested.cose");
  EXPECT_THAT(failed(judge(evidence, policy_for(100), kCases[1].at)), ElementsAre("azure.uvm.format"));
}

// The whole of what is asked of an endorsement by itself.
Result<void> verify(const endorsements::uvm::UnverifiedEndorsement& endorsement, base::Time now) {
  if (endorsement.algorithm != endorsements::uvm::kPs384) return base::fail(ErrorKind::not_authentic, "algorithm");
  if (!endorsements::is_pinned_uvm_root(endorsement.chain.anchor_spki_sha256())) {
    return base::fail(ErrorKind::not_authentic, "root");
  }
  auto result = endorsements::uvm::check_chain(endorsement, now);
  if (result) result = endorsements::uvm::check_signature(endorsement);
  if (result) result = endorsements::check_did_x509(endorsement.issuer, endorsement.chain);
  return result;
}

TEST(Endorsements, OfBothFormatsSayWhatTheySay) {
  BLINDBOX_NEED_VECTORS();
  const auto cwt = endorsements::uvm::parse_endorsement(vectors::read_evidence("aci/uvm-cwt-svn104-receipt/uvm.cose"));
  ASSERT_TRUE(cwt) << cwt.error().detail;
  EXPECT_EQ(cwt->feed, "ContainerPlat-AMD-UVM");
  EXPECT_EQ(cwt->svn, 104U);
  EXPECT_EQ(base::to_iso8601(cwt->signing_time), "2025-12-22T21:11:27Z");
  EXPECT_TRUE(base::to_hex(cwt->launch_measurement).starts_with("4904167aa9102a75"));
  const Bytes text = vectors::read_evidence("aci/sidecar-secctx-svn100/reference-info-base64");
  const auto json = endorsements::uvm::parse_endorsement(base::from_base64(base::as_text(text)).value());
  ASSERT_TRUE(json) << json.error().detail;
  EXPECT_EQ(json->feed, "ContainerPlat-AMD-UVM");
  EXPECT_EQ(json->svn, 100U);
  EXPECT_EQ(base::to_iso8601(json->signing_time), "2023-04-20T23:48:38Z");
  EXPECT_TRUE(base::to_hex(json->launch_measurement).starts_with("03fea02823189b25"));
  const base::Time late = base::from_iso8601("2030-01-01").value();
  for (const auto* endorsement : {&*cwt, &*json}) {
    EXPECT_EQ(endorsement->issuer, policy::known_uvm_signers()[0].issuer);
    EXPECT_TRUE(verify(*endorsement, late)) << "long after its leaf expired";
    EXPECT_TRUE(verify(*endorsement, endorsement->signing_time));
    EXPECT_FALSE(verify(*endorsement, endorsement->signing_time - std::chrono::seconds(1))) << "not signed yet";
  }
}

// Where the unprotected header stands: its bytes are the ones that nobody signed.
std::pair<std::size_t, std::size_t> unprotected_range(const Bytes& cose) {
  const auto message = evidence::parse_cose_sign1(cose).value();
  const auto offset = [&](ByteView part) { return static_cast<std::size_t>(part.data() - cose.data()); };
  const std::size_t begin = offset(message.protected_bytes) + message.protected_bytes.size();
  // Up to the head of the payload's byte string: one byte of type, and its length's one byte.
  return {begin, offset(message.payload) - 2};
}

class Mutations : public testing::TestWithParam<std::tuple<const char*, int>> {
 protected:
  void SetUp() override { BLINDBOX_NEED_VECTORS(); }
};

constexpr int kShards = 4;

// One bit of every byte: refused, or in the unprotected header, and then what is verified is the
// same to the last byte.
TEST_P(Mutations, AreRefusedOrOutsideOfWhatIsSigned) {
  const auto [file, shard] = GetParam();
  const Bytes genuine = vectors::read_evidence(file);
  const auto reference = endorsements::uvm::parse_endorsement(genuine).value();
  ASSERT_TRUE(verify(reference, base::from_iso8601("2026-06-01").value()));
  const auto [begin, end] = unprotected_range(genuine);
  std::size_t tolerated = 0;
  Bytes mutated = genuine;
  for (auto i = static_cast<std::size_t>(shard); i < genuine.size(); i += kShards) {
    mutated[i] = genuine[i] ^ std::byte{1} << (i / kShards % 8);
    const auto endorsement = endorsements::uvm::parse_endorsement(mutated);
    mutated[i] = genuine[i];
    if (!endorsement) continue;
    if (i < begin || i >= end) {
      // Of all that is asked of an endorsement, this alone must stop it.
      ASSERT_FALSE(endorsements::uvm::check_signature(*endorsement)) << file << " offset " << i;
      continue;
    }
    ++tolerated;
    ASSERT_EQ(endorsement->signed_bytes, reference.signed_bytes) << file << " offset " << i;
    ASSERT_EQ(endorsement->signature, reference.signature) << file << " offset " << i;
    ASSERT_EQ(endorsement->launch_measurement, reference.launch_measurement) << file << " offset " << i;
    ASSERT_EQ(endorsement->svn, reference.svn) << file << " offset " << i;
  }
  EXPECT_GT(tolerated, 0U) << "the unprotected header is not judged";
}

INSTANTIATE_TEST_SUITE_P(Aci, Mutations,
                         testing::Combine(testing::Values("aci/cleanroom-svn103-enc/uvm_reference_info.cose",
                                                          "aci/uvm-cwt-svn104-receipt/uvm.cose"),
                                          testing::Range(0, kShards)),
                         [](const auto& row) {
                           const std::string file = std::get<0>(row.param);
                           std::string name = file.substr(4, file.find('/', 4) - 4);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_" + std::to_string(std::get<1>(row.param));
                         });

}  // namespace
}  // namespace blindbox
