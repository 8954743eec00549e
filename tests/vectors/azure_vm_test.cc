// SPDX-License-Identifier: Apache-2.0
// Every Azure VM among the vectors, and what must come of it; then one of them with every byte changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <set>

#include "blindbox/evidence/azure_vm/hcl.h"
#include "blindbox/evidence/azure_vm/quote.h"
#include "blindbox/verifier/report_text.h"
#include "blindbox/verifier/verify.h"
#include "tests/vectors/vectors.h"

namespace blindbox {
namespace {

using evidence::sev_snp::Product;
using verifier::Outcome;
using verifier::Stage;
using verifier::Verdict;

struct Case {
  const char* name;
  const char* hcl;
  const char* leaf;        // empty: none
  const char* at;          // a date inside the certificates' validity
  const char* qualifying;  // what the quote's nonce was; empty: none, which no expectation matches
  const char* refused_by;  // empty: accepted
};

// What a test runner prints; the addresses within would change with every run.
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

constexpr Case kCases[] = {
    {"trustee-snp-v0", "hcl_report.bin", "vcek.pem", "2025-09-01", "challenge", ""},
    {"trustee-snp-v1", "hcl_report.bin", "vcek.der", "2025-09-01", "challenge", ""},
    {"lunal-snp-live", "hcl_report.bin", "vcek.der", "2025-09-01", "attestation-test-fixture", ""},
    {"cdai-snp-milan-v3", "hcl_report.bin", "vcek.der", "2025-09-01", "", ""},
    {"trustee-tdx-v0", "hcl_report.bin", "", "2025-09-01", "challenge", "azure.vm.hcl.format"},
    {"trustee-tdx-v1", "hcl_report.bin", "", "2025-09-01", "challenge", "azure.vm.hcl.format"},
    // The beginning of a longer NV read: nothing but padding is missing. The certificate is another chip's.
    {"kinvolk", "hcl-report-snp.bin", "certs.pem", "2023-06-01", "challenge", "sev_snp.signature"},
    {"kinvolk", "hcl-report-tdx.bin", "", "2023-06-01", "challenge", "azure.vm.hcl.format"},
};

std::string path(const Case& row, const std::string& file) {
  return "../azure-cvm/" + std::string(row.name) + "/" + file;
}

Bytes slice(const Bytes& bytes, std::size_t offset, std::size_t length) {
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
  return {begin, begin + static_cast<std::ptrdiff_t>(length)};
}

evidence::azure_vm::PcrValues pcrs_of(const Bytes& values) {
  evidence::azure_vm::PcrValues out;
  for (std::uint8_t i = 0; i < values.size() / 32; ++i) {
    out[{0x000B, i}] = slice(values, std::size_t{i} * 32, 32);
  }
  return out;
}

// kinvolk/quote.bin: its tool's own framing of signature, quote and PCR values.
void load_kinvolk_quote(const Case& row, evidence::AzureVm& azure) {
  const Bytes framed = vectors::read(path(row, "quote.bin"));
  azure.quote_signature = slice(framed, 10, 256);
  azure.quote = slice(framed, 0x110, 122);
}

evidence::Evidence load(const Case& row) {
  evidence::Evidence evidence;
  evidence::AzureVm& azure = evidence.azure_vm.emplace();
  azure.hcl_report = vectors::read(path(row, row.hcl));
  if (std::string(row.name) == "kinvolk") {
    load_kinvolk_quote(row, azure);
  } else {
    azure.quote = vectors::read(path(row, "tpm_quote.msg"));
    azure.quote_signature = vectors::read(path(row, "tpm_quote.sig"));
    azure.pcrs = pcrs_of(vectors::read(path(row, "pcrs.bin")));
  }
  if (const auto hcl = evidence::azure_vm::parse_hcl_report(azure.hcl_report)) evidence.report = hcl->report;
  evidence.certificates = {vectors::read("_roots/milan_ask.der"), vectors::read("_roots/milan_ark.der")};
  const std::string leaf = row.leaf;
  if (leaf.ends_with(".der")) evidence.certificates.push_back(vectors::read(path(row, leaf)));
  if (leaf.ends_with(".pem")) evidence.certificates.push_back(vectors::read_pem(path(row, leaf)));
  return evidence;
}

// The policy of an owner who expects just this machine and what it booted.
policy::Policy policy_for(const evidence::Evidence& evidence) {
  policy::Policy policy;
  for (const Product product : evidence::sev_snp::kProducts) policy.sev_snp.products[product] = {};
  if (const auto report = evidence::sev_snp::parse_report(evidence.report)) {
    policy.sev_snp.measurements = std::vector{report->measurement};
  }
  auto& pcrs = policy.azure.vm.emplace().pcrs;
  for (const std::uint8_t pcr : std::initializer_list<std::uint8_t>{0, 4, 7, 11}) {
    const auto value = evidence.azure_vm->pcrs.find({0x000B, pcr});
    if (value != evidence.azure_vm->pcrs.end()) std::copy_n(value->second.begin(), 32, pcrs[pcr].begin());
  }
  return policy;
}

// No qualifying data: nothing is asked of its freshness.
Verdict judge(const evidence::Evidence& evidence, const std::string& at, std::optional<Bytes> qualifying,
              bool waived = false) {
  const verifier::Subject subject{.evidence = evidence,
                                  .expected_report_data = std::nullopt,
                                  .freshness_not_requested = waived || !qualifying,
                                  .expected_quote_data = std::move(qualifying),
                                  .manifest = std::nullopt};
  return verifier::verify(subject, policy_for(evidence), base::from_iso8601(at).value());
}

Verdict judge(const evidence::Evidence& evidence, const Case& row) {
  const std::string_view qualifying = row.qualifying;
  return judge(evidence, row.at,
               qualifying.empty() ? std::nullopt : std::optional(base::to_bytes(base::view(qualifying))));
}

std::vector<std::string> failed(const Verdict& verdict) {
  std::vector<std::string> ids;
  for (const verifier::Finding* finding : verdict.failures()) ids.push_back(finding->id);
  return ids;
}

const verifier::Finding* find(const Verdict& verdict, std::string_view id) {
  for (const auto& finding : verdict.findings()) {
    if (finding.id == id) return &finding;
  }
  return nullptr;
}

class RealAzureVms : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { BLINDBOX_NEED_VECTORS(); }
};

TEST_P(RealAzureVms, AreJudgedAsTheManifestSays) {
  const evidence::Evidence evidence = load(GetParam());
  const Verdict verdict = judge(evidence, GetParam());
  if (*GetParam().refused_by != '\0') {
    EXPECT_THAT(failed(verdict), testing::ElementsAre(GetParam().refused_by)) << render_table(verdict);
    const bool tdx = std::string(GetParam().refused_by) == "azure.vm.hcl.format";
    EXPECT_EQ(find(verdict, "azure.vm.hcl.format")->actual.find("of an Intel TDX guest") != std::string::npos, tdx);
    return;
  }
  EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
  for (const char* id :
       {"azure.vm.hcl.format", "azure.vm.report", "azure.vm.quote.format", "azure.vm.report_data",
        "azure.vm.attestation_key", "azure.vm.quote.signature", "azure.vm.pcr_digest", "azure.vm.pcrs"}) {
    EXPECT_EQ(find(verdict, id)->outcome, Outcome::passed) << id;
  }
  const bool fresh = *GetParam().qualifying != '\0';
  EXPECT_EQ(find(verdict, "azure.vm.quote.freshness")->outcome, fresh ? Outcome::passed : Outcome::not_requested);
  EXPECT_THAT(render_table(verdict), testing::HasSubstr("the paravisor is part of what is trusted"));
  EXPECT_THAT(render_json(verdict), testing::HasSubstr("the paravisor is part of what is trusted"));
}

INSTANTIATE_TEST_SUITE_P(AzureVm, RealAzureVms, testing::ValuesIn(kCases), [](const auto& row) {
  std::string name = std::string(row.param.name) + "_" + row.param.hcl;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(Vectors, EveryFolderOfAzureVmsIsACase) {
  BLINDBOX_NEED_VECTORS();
  std::set<std::string> known;
  for (const Case& row : kCases) known.insert(row.name);
  for (const auto& entry : std::filesystem::directory_iterator(vectors::sev_snp_folder() + "/../azure-cvm")) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(known.contains(name) || name == "_roots") << name;
  }
}

const Case& accepted_case() { return kCases[2]; }

TEST(RealAzureVm, IsFreshOnlyWithTheQualifyingDataExpected) {
  BLINDBOX_NEED_VECTORS();
  const evidence::Evidence evidence = load(accepted_case());
  Case row = accepted_case();
  row.qualifying = "attestation-test-fixturf";
  EXPECT_THAT(failed(judge(evidence, row)), testing::ElementsAre("azure.vm.quote.freshness"));
  row.qualifying = "attestation-test-fixtur";
  EXPECT_THAT(failed(judge(evidence, row)), testing::ElementsAre("azure.vm.quote.freshness"));
}

TEST(RealAzureVm, WithoutQualifyingDataMatchesNoExpectation) {
  BLINDBOX_NEED_VECTORS();
  const evidence::Evidence evidence = load(kCases[3]);
  const Verdict verdict = judge(evidence, kCases[3].at, Bytes{}, /*waived=*/true);
  EXPECT_THAT(failed(verdict), testing::ElementsAre("azure.vm.quote.freshness"));
}

TEST(RealAzureVm, WithTheQuoteOfAnotherMachineIsRefused) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence = load(accepted_case());
  const evidence::Evidence other = load(kCases[1]);
  evidence.azure_vm->quote = other.azure_vm->quote;
  evidence.azure_vm->quote_signature = other.azure_vm->quote_signature;
  Case row = accepted_case();
  row.qualifying = kCases[1].qualifying;
  EXPECT_THAT(failed(judge(evidence, row)), testing::ElementsAre("azure.vm.quote.signature"));
  evidence = load(accepted_case());
  evidence.azure_vm->hcl_report = other.azure_vm->hcl_report;
  EXPECT_THAT(failed(judge(evidence, accepted_case())), testing::ElementsAre("azure.vm.report"));
}

TEST(RealAzureVm, IsReadWhateverPadsItsNvIndex) {
  BLINDBOX_NEED_VECTORS();
  const Bytes hcl = load(accepted_case()).azure_vm->hcl_report;
  const std::size_t end = 0x92A;  // as its header says
  EXPECT_TRUE(evidence::azure_vm::parse_hcl_report(ByteView(hcl).first(end)));
  EXPECT_FALSE(evidence::azure_vm::parse_hcl_report(ByteView(hcl).first(end - 1)));
  Bytes padded = slice(hcl, 0, end);
  padded.resize(4096, std::byte{0xFF});
  EXPECT_TRUE(evidence::azure_vm::parse_hcl_report(padded));
  padded.back() = std::byte{0};
  EXPECT_FALSE(evidence::azure_vm::parse_hcl_report(padded));
}

// The headers are the one part of an HCL report that neither AMD's signature nor the hash in it covers. Of all values
// that a byte of them can have, these alone read as the same guest.
TEST(RealAzureVm, HeaderBytesThatMayDifferAreTheseAlone) {
  BLINDBOX_NEED_VECTORS();
  Bytes hcl = load(accepted_case()).azure_vm->hcl_report;
  const auto genuine = evidence::azure_vm::parse_hcl_report(hcl).value();
  const auto may_differ = [](std::size_t offset, int value) {
    if (offset == 4) return value == 2;                    // the header's version: 1 and 2 have one layout
    if (offset == 0x4CC) return value == 2 || value == 3;  // the hash's name: azure.vm.report_data fails then
    return offset >= 12 && offset < 16;                    // the request type: Azure's own
  };
  for (std::size_t i = 0; i < 0x4D4; ++i) {
    if (i == 0x20) i = 0x4C0;
    const std::byte before = hcl[i];
    for (int value = 0; value < 256; ++value) {
      hcl[i] = std::byte{static_cast<unsigned char>(value)};
      if (hcl[i] == before) continue;
      const auto read = evidence::azure_vm::parse_hcl_report(hcl);
      EXPECT_EQ(read.has_value(), may_differ(i, value)) << "offset " << i << " value " << value;
      if (read) {
        EXPECT_EQ(read->report, genuine.report);
        EXPECT_EQ(read->variable_data, genuine.variable_data);
      }
    }
    hcl[i] = before;
  }
}

// Which bytes of an Azure VM's evidence a shard changes.
struct Target {
  const char* name;
  Bytes evidence::AzureVm::*bytes;
  unsigned mutations;  // of each byte
};
constexpr unsigned kShards = 4;
constexpr Target kTargets[] = {{"hcl", &evidence::AzureVm::hcl_report, 3},
                               {"quote", &evidence::AzureVm::quote, 9},
                               {"signature", &evidence::AzureVm::quote_signature, 5}};

class AzureVmMutations : public testing::TestWithParam<std::tuple<unsigned, unsigned>> {
 protected:
  void SetUp() override { BLINDBOX_NEED_VECTORS(); }
};

// Even where the owner expects whatever the changed evidence says, it must not get past authentication.
TEST_P(AzureVmMutations, AreRefusedOrOutsideWhatIsSigned) {
  const auto& [which, shard] = GetParam();
  const Target& target = kTargets[which];
  evidence::Evidence evidence = load(accepted_case());
  ASSERT_TRUE(judge(evidence, accepted_case()).accepted());
  const Bytes genuine = (*evidence.azure_vm).*target.bytes;
  for (std::size_t i = shard; i < genuine.size(); i += kShards) {
    for (unsigned n = 0; n < target.mutations; ++n) {
      Bytes& bytes = (*evidence.azure_vm).*target.bytes;
      bytes[i] ^= n == 8 ? std::byte{0xFF} : std::byte{1} << ((i / kShards + n) % 8);
      // As whoever reads such evidence does: the report is the one inside.
      std::copy_n(evidence.azure_vm->hcl_report.begin() + 0x20, 1184, evidence.report.begin());
      const Verdict verdict = judge(evidence, accepted_case().at, std::nullopt);
      const bool unsigned_byte = target.bytes == &evidence::AzureVm::hcl_report && i >= 12 && i < 16;
      EXPECT_EQ(verdict.reached() == Stage::appraise, unsigned_byte) << target.name << " offset " << i;
      EXPECT_EQ(verdict.accepted(), unsigned_byte) << target.name << " offset " << i;
      bytes[i] = genuine[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, AzureVmMutations,
                         testing::Combine(testing::Range(0U, unsigned{std::size(kTargets)}),
                                          testing::Range(0U, kShards)),
                         [](const auto& row) {
                           return kTargets[std::get<0>(row.param)].name + std::to_string(std::get<1>(row.param));
                         });

TEST(RealAzureVm, WithAnyPcrValueChangedIsRefused) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence = load(accepted_case());
  for (std::size_t i = 0; i < evidence.azure_vm->pcrs.size() * 32; i += 5) {
    std::byte& changed = evidence.azure_vm->pcrs[{0x000B, static_cast<std::uint8_t>(i / 32)}][i % 32];
    changed ^= std::byte{1} << (i % 8);
    // The owner pins what the evidence says: it must not help.
    EXPECT_THAT(failed(judge(evidence, accepted_case())), testing::ElementsAre("azure.vm.pcr_digest"));
    changed ^= std::byte{1} << (i % 8);
  }
}

}  // namespace
}  // namespace blindbox
