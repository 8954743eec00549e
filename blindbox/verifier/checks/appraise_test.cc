// SPDX-License-Identifier: Apache-2.0
// The appraise checks one by one: what passes, what fails, the boundary and the absent value. Whole verdicts, on real
// and on emulated evidence, stand in tests/vectors.
#include <gtest/gtest.h>

#include <functional>

#include "blindbox/verifier/internal/authenticator.h"
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::sev_snp::Product;
using evidence::sev_snp::Tcb;
using evidence::sev_snp::UnverifiedReport;

struct Setting {
  UnverifiedReport report;
  Product product = Product::milan;
  policy::Policy policy;
  evidence::Evidence evidence;
  std::optional<ByteArray<64>> expected_report_data;
  bool freshness_not_requested = false;
  std::optional<Result<evidence::ServiceManifest>> manifest;
};

Outcome outcome(const AppraiseCheck& check, const Setting& setting) {
  const AuthenticReport report = internal::Authenticator::admit(setting.report, setting.product, false);
  const Subject subject{.evidence = setting.evidence,
                        .expected_report_data = setting.expected_report_data,
                        .freshness_not_requested = setting.freshness_not_requested,
                        .manifest = std::nullopt};
  const internal::Answer answer =
      check.judge({.report = report, .subject = subject, .policy = setting.policy, .manifest = setting.manifest});
  EXPECT_FALSE(answer.expected.empty()) << check.id;
  EXPECT_FALSE(answer.actual.empty()) << check.id;
  return answer.outcome;
}

std::uint64_t milan(Tcb tcb) { return encode_tcb(tcb, Product::milan); }

TEST(Vmpl, IsTheOneThatThePolicyNames) {
  Setting s;
  EXPECT_EQ(outcome(kVmpl, s), Outcome::passed);
  s.report.vmpl = 1;
  EXPECT_EQ(outcome(kVmpl, s), Outcome::failed);
  s.policy.sev_snp.vmpl = 1;
  EXPECT_EQ(outcome(kVmpl, s), Outcome::passed);
  s.policy.sev_snp.vmpl = s.report.vmpl = 3;
  EXPECT_EQ(outcome(kVmpl, s), Outcome::passed);
  // A report that the host asked for, even where a policy made in code wants it.
  s.policy.sev_snp.vmpl = s.report.vmpl = 4;
  EXPECT_EQ(outcome(kVmpl, s), Outcome::failed);
}

TEST(GuestPolicy, DebugAndMigrationAreRefusedByAnyPolicy) {
  Setting s;
  EXPECT_EQ(outcome(kDebugDisabled, s), Outcome::passed);
  EXPECT_EQ(outcome(kMigrateMaDisabled, s), Outcome::passed);
  s.report.policy = ~(std::uint64_t{1} << 19);
  EXPECT_EQ(outcome(kDebugDisabled, s), Outcome::passed);
  s.report.policy = ~(std::uint64_t{1} << 18);
  EXPECT_EQ(outcome(kMigrateMaDisabled, s), Outcome::passed);
  s.report.policy = std::uint64_t{1} << 19;
  EXPECT_EQ(outcome(kDebugDisabled, s), Outcome::failed);
  s.report.policy = std::uint64_t{1} << 18;
  EXPECT_EQ(outcome(kMigrateMaDisabled, s), Outcome::failed);
}

TEST(GuestPolicy, FlagsMatterWhereAsked) {
  struct Row {
    const AppraiseCheck* check;
    bool policy::GuestPolicy::*flag;
    unsigned bit;
    bool wanted;
  };
  for (const Row& row : {Row{&kSmtDisabled, &policy::GuestPolicy::smt_disabled, 16, false},
                         Row{&kSingleSocket, &policy::GuestPolicy::single_socket, 20, true},
                         Row{&kCxlDisabled, &policy::GuestPolicy::cxl_disabled, 21, false},
                         Row{&kAes256Xts, &policy::GuestPolicy::aes_256_xts, 22, true},
                         Row{&kRaplDisabled, &policy::GuestPolicy::rapl_disabled, 23, true},
                         Row{&kCiphertextHiding, &policy::GuestPolicy::ciphertext_hiding, 24, true},
                         Row{&kPageSwapDisabled, &policy::GuestPolicy::page_swap_disabled, 25, true}}) {
    SCOPED_TRACE(row.check->id);
    const std::uint64_t bit = std::uint64_t{1} << row.bit;
    for (const bool set : {false, true}) {
      Setting s;
      s.report.policy = set ? bit : ~bit;
      EXPECT_EQ(outcome(*row.check, s), Outcome::not_requested);
      s.policy.sev_snp.guest_policy.*row.flag = true;
      EXPECT_EQ(outcome(*row.check, s), set == row.wanted ? Outcome::passed : Outcome::failed);
    }
  }
}

TEST(GuestPolicy, AbiIsComparedAsAVersion) {
  Setting s;
  s.report.policy = 0x0133;  // 1.51
  EXPECT_EQ(outcome(kMinimumAbi, s), Outcome::not_requested);
  const auto with = [&](std::uint8_t major, std::uint8_t minor) {
    s.policy.sev_snp.guest_policy.minimum_abi_major = major;
    s.policy.sev_snp.guest_policy.minimum_abi_minor = minor;
    return outcome(kMinimumAbi, s);
  };
  EXPECT_EQ(with(1, 51), Outcome::passed);
  EXPECT_EQ(with(0, 255), Outcome::passed);
  EXPECT_EQ(with(1, 52), Outcome::failed);
  EXPECT_EQ(with(2, 0), Outcome::failed);
}

TEST(Platform, AliasCheckIsDemandedWhereTheReportTellsOfIt) {
  Setting s;
  s.report.version = 2;
  EXPECT_EQ(outcome(kAliasCheck, s), Outcome::not_requested);
  for (const std::uint32_t version : {3U, 5U}) {
    s.report.version = version;
    s.report.platform_info = ~(std::uint64_t{1} << 5);
    EXPECT_EQ(outcome(kAliasCheck, s), Outcome::failed);
    s.report.platform_info = std::uint64_t{1} << 5;
    EXPECT_EQ(outcome(kAliasCheck, s), Outcome::passed);
  }
  s.policy.unsafe.allow_incomplete_alias_check.emplace();
  EXPECT_EQ(outcome(kAliasCheck, s), Outcome::passed);
  s.report.platform_info = 0;
  EXPECT_EQ(outcome(kAliasCheck, s), Outcome::not_requested) << "never counted as a pass";
}

TEST(Platform, BitsAreRequiredAndRefused) {
  Setting s;
  s.report.platform_info = 0b0110;
  EXPECT_EQ(outcome(kPlatformRequired, s), Outcome::not_requested);
  EXPECT_EQ(outcome(kPlatformRefused, s), Outcome::not_requested);
  s.policy.sev_snp.platform_info = {.required = 0b0110, .refused = 0b1001};
  EXPECT_EQ(outcome(kPlatformRequired, s), Outcome::passed);
  EXPECT_EQ(outcome(kPlatformRefused, s), Outcome::passed);
  s.report.platform_info = 0b1100;
  EXPECT_EQ(outcome(kPlatformRequired, s), Outcome::failed);
  EXPECT_EQ(outcome(kPlatformRefused, s), Outcome::failed);
}

TEST(Mitigations, AreMasksAndNoNumbers) {
  struct Row {
    const AppraiseCheck* check;
    std::optional<std::uint64_t> UnverifiedReport::*vector;
    std::uint64_t policy::MitigationPolicy::*mask;
  };
  for (const Row& row :
       {Row{&kLaunchMitigations, &UnverifiedReport::launch_mit_vector, &policy::MitigationPolicy::launch},
        Row{&kCurrentMitigations, &UnverifiedReport::current_mit_vector, &policy::MitigationPolicy::current}}) {
    Setting s;
    EXPECT_EQ(outcome(*row.check, s), Outcome::not_requested);
    s.policy.sev_snp.mitigations.*row.mask = 0b011;
    EXPECT_EQ(outcome(*row.check, s), Outcome::failed) << "the report has no vector";
    s.report.*row.vector = 0b111;
    EXPECT_EQ(outcome(*row.check, s), Outcome::passed);
    s.report.*row.vector = 0b100;
    EXPECT_EQ(outcome(*row.check, s), Outcome::failed) << "a larger number without the bits";
  }
}

TEST(Firmware, CurrentAndCommittedReachTheMinimum) {
  using evidence::sev_snp::FirmwareVersion;
  Setting s;
  EXPECT_EQ(outcome(kFirmwareMinimum, s), Outcome::failed) << "no entry for the product";
  auto& milan_policy = s.policy.sev_snp.products[Product::milan];
  EXPECT_EQ(outcome(kFirmwareMinimum, s), Outcome::not_requested);
  milan_policy.minimum_firmware = FirmwareVersion{.build = 22, .minor = 55, .major = 1};
  const FirmwareVersion floor{.build = 22, .minor = 55, .major = 1}, below{.build = 21, .minor = 55, .major = 1};
  s.report.current_firmware = s.report.committed_firmware = floor;
  EXPECT_EQ(outcome(kFirmwareMinimum, s), Outcome::passed);
  s.report.committed_firmware = below;
  EXPECT_EQ(outcome(kFirmwareMinimum, s), Outcome::failed);
  s.report.current_firmware = below;
  s.report.committed_firmware = floor;
  EXPECT_EQ(outcome(kFirmwareMinimum, s), Outcome::failed);
  s.report.current_firmware = {.build = 0, .minor = 56, .major = 1};
  EXPECT_EQ(outcome(kFirmwareMinimum, s), Outcome::passed);
}

TEST(Identity, IdsAndKeysAreInThePolicy) {
  Setting s;
  for (const auto* check : {&kFamilyId, &kImageId, &kIdKey, &kAuthorKey, &kGuestSvn}) {
    EXPECT_EQ(outcome(*check, s), Outcome::not_requested);
  }
  auto& wanted = s.policy.sev_snp;
  wanted.family_ids = {{ByteArray<16>{std::byte{1}}}};
  wanted.image_ids = {{ByteArray<16>{std::byte{2}}}};
  wanted.id_key_digests = {{ByteArray<48>{std::byte{3}}}};
  wanted.author_key_digests = {{ByteArray<48>{std::byte{4}}}};
  wanted.minimum_guest_svn = 7;
  s.report.guest_svn = 6;
  for (const auto* check : {&kFamilyId, &kImageId, &kIdKey, &kAuthorKey, &kGuestSvn}) {
    EXPECT_EQ(outcome(*check, s), Outcome::failed) << check->id;
  }
  s.report.family_id = {std::byte{1}};
  s.report.image_id = {std::byte{2}};
  s.report.id_key_digest = {std::byte{3}};
  s.report.author_key_digest = {std::byte{4}};
  s.report.guest_svn = 7;
  EXPECT_EQ(outcome(kAuthorKey, s), Outcome::failed) << "AUTHOR_KEY_EN is 0";
  s.report.author_key_en = true;
  for (const auto* check : {&kFamilyId, &kImageId, &kIdKey, &kAuthorKey, &kGuestSvn}) {
    EXPECT_EQ(outcome(*check, s), Outcome::passed) << check->id;
  }
  wanted.family_ids->clear();
  EXPECT_EQ(outcome(kFamilyId, s), Outcome::failed) << "an empty list accepts nothing";
}

TEST(Product, IsOneThatThePolicyLists) {
  Setting s;
  EXPECT_EQ(outcome(kProductAllowed, s), Outcome::failed) << "an empty list accepts nothing";
  s.policy.sev_snp.products[Product::genoa] = {};
  EXPECT_EQ(outcome(kProductAllowed, s), Outcome::failed);
  s.policy.sev_snp.products[Product::milan] = {};
  EXPECT_EQ(outcome(kProductAllowed, s), Outcome::passed);
}

TEST(MinimumTcb, IsComparedPartByPart) {
  const Tcb floor{.bootloader = 3, .tee = 2, .snp = 8, .microcode = 115};
  struct Field {
    const AppraiseCheck* check;
    std::uint64_t UnverifiedReport::*raw;
  };
  for (const Field& field :
       {Field{&kTcbMinimum, &UnverifiedReport::reported_tcb}, Field{&kTcbLaunch, &UnverifiedReport::launch_tcb}}) {
    Setting s;
    s.report.*field.raw = milan(floor);
    EXPECT_EQ(outcome(*field.check, s), Outcome::failed) << "no floor for the product";
    s.policy.sev_snp.products[Product::milan] = {.minimum_tcb = floor};
    EXPECT_EQ(outcome(*field.check, s), Outcome::passed);
    for (auto part : {&Tcb::bootloader, &Tcb::tee, &Tcb::snp, &Tcb::microcode}) {
      Tcb below{.bootloader = 255, .tee = 255, .snp = 255, .microcode = 255};
      s.report.*field.raw = milan(below);
      EXPECT_EQ(outcome(*field.check, s), Outcome::passed);
      below.*part = static_cast<std::uint8_t>(floor.*part - 1);
      s.report.*field.raw = milan(below);
      EXPECT_EQ(outcome(*field.check, s), Outcome::failed);
    }
  }
}

TEST(MinimumTcb, ReadsTurinsLayoutOnTurin) {
  Setting s;
  s.product = Product::turin;
  s.policy.sev_snp.products[Product::turin] = {
      .minimum_tcb = {.fmc = 2, .bootloader = 0, .tee = 0, .snp = 0, .microcode = 0}};
  s.report.reported_tcb = encode_tcb({.fmc = 2}, Product::turin);
  EXPECT_EQ(outcome(kTcbMinimum, s), Outcome::passed);
  s.report.reported_tcb = encode_tcb({.fmc = 1, .bootloader = 9}, Product::turin);
  EXPECT_EQ(outcome(kTcbMinimum, s), Outcome::failed);
}

TEST(CommittedTcb, IsAtMostTheCurrentOne) {
  Setting s;
  EXPECT_EQ(outcome(kTcbCommitted, s), Outcome::passed);
  s.report.current_tcb = milan({.snp = 8, .microcode = 0xD2});
  s.report.committed_tcb = milan({.snp = 8, .microcode = 0x73});
  EXPECT_EQ(outcome(kTcbCommitted, s), Outcome::passed) << "as on genuine hosts";
  s.report.committed_tcb = milan({.snp = 9, .microcode = 0x73});
  EXPECT_EQ(outcome(kTcbCommitted, s), Outcome::failed);
  s.report.committed_tcb = s.report.current_tcb;
  s.report.current_firmware = {.build = 9, .minor = 55, .major = 1};
  s.report.committed_firmware = {.build = 10, .minor = 54, .major = 1};
  EXPECT_EQ(outcome(kTcbCommitted, s), Outcome::passed);
  s.report.committed_firmware = {.build = 10, .minor = 55, .major = 1};
  EXPECT_EQ(outcome(kTcbCommitted, s), Outcome::failed);
}

TEST(ChipId, IsOneThatThePolicyLists) {
  Setting s;
  s.report.chip_id[0] = std::byte{1};
  EXPECT_EQ(outcome(kChipIdAllowed, s), Outcome::not_requested);
  s.policy.sev_snp.chip_ids.emplace();
  EXPECT_EQ(outcome(kChipIdAllowed, s), Outcome::failed) << "an empty list accepts nothing";
  s.policy.sev_snp.chip_ids = {{ByteArray<64>{}, s.report.chip_id}};
  EXPECT_EQ(outcome(kChipIdAllowed, s), Outcome::passed);
  s.report.chip_id[63] = std::byte{1};
  EXPECT_EQ(outcome(kChipIdAllowed, s), Outcome::failed);
  s.report.chip_id = {};
  EXPECT_EQ(outcome(kChipIdAllowed, s), Outcome::failed) << "zero is no chip";
}

TEST(ReportData, IsTheChannelsOrTheWaiverIsByName) {
  Setting s;
  s.report.report_data[63] = std::byte{1};
  EXPECT_EQ(outcome(kReportData, s), Outcome::failed) << "nothing expected";
  s.freshness_not_requested = true;
  EXPECT_EQ(outcome(kReportData, s), Outcome::not_requested);
  s.expected_report_data = ByteArray<64>{};
  EXPECT_EQ(outcome(kReportData, s), Outcome::failed) << "the waiver never outweighs an expectation";
  s.expected_report_data = s.report.report_data;
  EXPECT_EQ(outcome(kReportData, s), Outcome::passed);
  s.freshness_not_requested = false;
  EXPECT_EQ(outcome(kReportData, s), Outcome::passed);
}

// Whole quotes are judged in tests/vectors; this is about what is absent.
TEST(AzureVm, HasAQuoteInThePlaceOfReportData) {
  Setting s;
  EXPECT_EQ(outcome(kAzureVmQuoteFreshness, s), Outcome::not_requested);
  EXPECT_EQ(outcome(kAzureVmParavisor, s), Outcome::not_requested);
  s.report.vmpl = 1;
  EXPECT_EQ(outcome(kAzureVmParavisor, s), Outcome::not_requested) << "no paravisor";
  s.evidence.azure_vm.emplace();
  EXPECT_EQ(outcome(kAzureVmParavisor, s), Outcome::failed);
  s.report.vmpl = 0;
  EXPECT_EQ(outcome(kAzureVmParavisor, s), Outcome::not_requested) << "says who is trusted, and passes nothing";
  EXPECT_EQ(outcome(kReportData, s), Outcome::not_requested);
  EXPECT_EQ(outcome(kAzureVmQuoteFreshness, s), Outcome::failed) << "nothing expected";
  s.expected_report_data = s.report.report_data;
  s.freshness_not_requested = true;
  EXPECT_EQ(outcome(kAzureVmQuoteFreshness, s), Outcome::failed) << "the waiver never outweighs an expectation";
  s.expected_report_data.reset();
  EXPECT_EQ(outcome(kAzureVmQuoteFreshness, s), Outcome::not_requested);
}

TEST(AzureVm, PinnedPcrsWantAQuote) {
  Setting s;
  EXPECT_EQ(outcome(kAzureVmPcrs, s), Outcome::not_requested);
  s.policy.azure.vm.emplace();
  EXPECT_EQ(outcome(kAzureVmPcrs, s), Outcome::not_requested);
  s.policy.azure.vm->pcrs[0] = {};
  EXPECT_EQ(outcome(kAzureVmPcrs, s), Outcome::failed);
}

TEST(Measurement, IsOneThatThePolicyLists) {
  Setting s;
  EXPECT_EQ(outcome(kMeasurement, s), Outcome::failed) << "an empty list accepts nothing";
  s.policy.sev_snp.measurements = {{ByteArray<48>{std::byte{1}}, ByteArray<48>{std::byte{2}}}};
  EXPECT_EQ(outcome(kMeasurement, s), Outcome::failed);
  s.report.measurement[0] = std::byte{2};
  EXPECT_EQ(outcome(kMeasurement, s), Outcome::passed);
  s.report.measurement[47] = std::byte{1};
  EXPECT_EQ(outcome(kMeasurement, s), Outcome::failed);
}

TEST(HostData, IsOneThatThePolicyLists) {
  Setting s;
  EXPECT_EQ(outcome(kHostData, s), Outcome::not_requested);
  s.policy.sev_snp.host_data.emplace();
  EXPECT_EQ(outcome(kHostData, s), Outcome::failed) << "an empty list accepts nothing";
  s.policy.sev_snp.host_data->push_back({});
  EXPECT_EQ(outcome(kHostData, s), Outcome::passed);
  s.report.host_data[31] = std::byte{1};
  EXPECT_EQ(outcome(kHostData, s), Outcome::failed);
}

// The three checks of single values behave alike.
TEST(Manifest, ValuesAreAmongThePolicys) {
  struct Value {
    const AppraiseCheck* check;
    void (*expect_nothing)(policy::ManifestPolicy&);  // a list that is present and empty
    void (*expect_default)(policy::ManifestPolicy&);
    void (*change)(evidence::ServiceManifest&);
  };
  const Value values[] = {
      {&kManifestModel, [](auto& p) { p.model_sha256.emplace(); }, [](auto& p) { p.model_sha256 = {{base::Sha256{}}}; },
       [](auto& m) { m.model.sha256[31] = std::byte{1}; }},
      {&kManifestSoftware, [](auto& p) { p.software_versions.emplace(); },
       [](auto& p) {
         p.software_versions = {{"other", "1.0"}};
       },
       [](auto& m) { m.software.version = "1.0.1"; }},
      {&kManifestIsolation, [](auto& p) { p.isolation_postures.emplace(); },
       [](auto& p) { p.isolation_postures = {{"vm"}}; }, [](auto& m) { m.isolation.posture = "none"; }},
      {&kManifestIsolationPolicy, [](auto& p) { p.isolation_policies.emplace(); },
       [](auto& p) { p.isolation_policies = {{base::Sha256{}}}; },
       [](auto& m) { m.isolation.policy_sha256[0] = std::byte{1}; }}};
  for (const Value& value : values) {
    Setting s;
    EXPECT_EQ(outcome(*value.check, s), Outcome::not_requested);
    value.expect_default(s.policy.manifest);
    EXPECT_EQ(outcome(*value.check, s), Outcome::failed) << "no manifest";
    s.manifest = base::fail(ErrorKind::malformed, "broken");
    EXPECT_EQ(outcome(*value.check, s), Outcome::failed) << "a broken manifest";
    evidence::ServiceManifest manifest;
    manifest.software.version = "1.0";
    manifest.isolation.posture = "vm";
    s.manifest = manifest;
    EXPECT_EQ(outcome(*value.check, s), Outcome::passed);
    value.change(manifest);
    s.manifest = manifest;
    EXPECT_EQ(outcome(*value.check, s), Outcome::failed);
    value.expect_nothing(s.policy.manifest);
    EXPECT_EQ(outcome(*value.check, s), Outcome::failed) << "an empty list accepts nothing";
    s.policy.manifest = {};
    EXPECT_EQ(outcome(*value.check, s), Outcome::not_requested);
  }
}

TEST(Manifest, ABrokenOneFailsEvenWhereNothingIsAsked) {
  Setting s;
  EXPECT_EQ(outcome(kManifestFormat, s), Outcome::not_requested);
  s.manifest = base::fail(ErrorKind::malformed, "broken");
  EXPECT_EQ(outcome(kManifestFormat, s), Outcome::failed);
  s.manifest = evidence::ServiceManifest{};
  EXPECT_EQ(outcome(kManifestFormat, s), Outcome::passed);
}

}  // namespace
}  // namespace blindbox::verifier::checks
