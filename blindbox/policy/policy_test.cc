// SPDX-License-Identifier: Apache-2.0
#include "blindbox/policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::policy {
namespace {

using evidence::sev_snp::Product;
using testing::HasSubstr;

const std::string kDigest48 = std::string(96, 'a');
const std::string kMinimal =
    "version: 1\n"
    "sev_snp:\n"
    "  products:\n"
    "    Milan: {minimum_tcb: {bootloader: 3, tee: 0, snp: 8, microcode: 115}}\n"
    "  measurements: [" +
    kDigest48 + "]\n";

std::string problem(const std::string& yaml) {
  const auto policy = parse_policy(yaml, "policy.yml");
  if (policy) return "accepted";
  EXPECT_EQ(policy.error().kind, ErrorKind::policy);
  return policy.error().what;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto found = text.find(from);
  EXPECT_NE(found, std::string::npos) << from;
  return text.replace(found, from.size(), to);
}

bool same(const Policy& a, const Policy& b) {
  return a.sev_snp == b.sev_snp && a.azure == b.azure && a.manifest == b.manifest && a.unsafe == b.unsafe;
}

Policy full() {
  Policy policy;
  policy.sev_snp.products[Product::milan] = {.minimum_tcb = {.bootloader = 3, .tee = 0, .snp = 8, .microcode = 115}};
  policy.sev_snp.products[Product::turin] = {
      .minimum_tcb = {.fmc = 1, .bootloader = 1, .tee = 1, .snp = 4, .microcode = 255}};
  policy.sev_snp.measurements = {{ByteArray<48>{std::byte{1}}, ByteArray<48>{std::byte{2}}}};
  policy.sev_snp.host_data = {{ByteArray<32>{std::byte{3}}}};
  policy.sev_snp.chip_ids = {{ByteArray<64>{std::byte{4}}}};
  policy.sev_snp.vmpl = 3;
  policy.sev_snp.require_crl = true;
  policy.sev_snp.guest_policy.smt_disabled = true;
  policy.sev_snp.guest_policy.single_socket = true;
  policy.sev_snp.products[Product::milan].minimum_firmware =
      evidence::sev_snp::FirmwareVersion{.build = 22, .minor = 55, .major = 1};
  policy.sev_snp.family_ids = {{ByteArray<16>{std::byte{7}}}};
  policy.sev_snp.image_ids = {{ByteArray<16>{std::byte{8}}}};
  policy.sev_snp.id_key_digests = {{ByteArray<48>{std::byte{9}}}};
  policy.sev_snp.author_key_digests = std::vector<ByteArray<48>>{};
  policy.sev_snp.minimum_guest_svn = 12;
  policy.sev_snp.guest_policy.page_swap_disabled = true;
  policy.sev_snp.guest_policy.minimum_abi_major = 1;
  policy.sev_snp.guest_policy.minimum_abi_minor = 55;
  policy.sev_snp.platform_info = {.required = 0x8000000000000028, .refused = 0x41};
  policy.sev_snp.mitigations = {.launch = 0x3f, .current = ~std::uint64_t{0}};
  policy.azure.uvm = UvmPolicy{.issuers = {"did:x509:0:sha256:x::eku:1.2"}, .feeds = {}, .minimum_svn = 104};
  policy.azure.vm = AzureVmPolicy{{{0, ByteArray<32>{std::byte{1}}}, {23, ByteArray<32>{std::byte{2}}}}};
  policy.unsafe.allow_incomplete_alias_check.emplace();
  policy.manifest.model_sha256 = {{base::Sha256{std::byte{5}}}};
  policy.manifest.software_versions = {{"0.1.0", "quote \" backslash \\ tab \t é"}};
  policy.manifest.isolation_postures = {{"none"}};
  policy.manifest.isolation_policies = {{base::Sha256{std::byte{7}}}};
  policy.unsafe.trust_emulator = TrustEmulator{base::Sha256{std::byte{6}}};
  return policy;
}

TEST(Policy, ADefaultOneAcceptsNothing) {
  const Policy policy;
  EXPECT_TRUE(policy.sev_snp.products.empty());
  EXPECT_TRUE(policy.sev_snp.measurements->empty());
  EXPECT_FALSE(policy.unsafe.trust_emulator);
}

TEST(ParsePolicy, ReadsTheMinimum) {
  const auto policy = parse_policy(kMinimal, "policy.yml");
  ASSERT_TRUE(policy) << policy.error().what;
  EXPECT_EQ(policy->source_name, "policy.yml");
  EXPECT_EQ(policy->sev_snp.products.at(Product::milan).minimum_tcb.microcode, 115);
  EXPECT_EQ(policy->sev_snp.measurements->size(), 1U);
  EXPECT_FALSE(policy->sev_snp.host_data);
  EXPECT_EQ(policy->sev_snp.vmpl, 0U);
}

TEST(WritePolicy, ReadsBackAsTheSame) {
  for (const Policy& policy : {full(), *parse_policy(kMinimal, "m")}) {
    const std::string text = write_policy(policy);
    const auto again = parse_policy(text, "again");
    ASSERT_TRUE(again) << again.error().what << "\n" << text;
    EXPECT_TRUE(same(*again, policy)) << text;
    EXPECT_EQ(write_policy(*again), text);
  }
}

TEST(WritePolicy, SaysWhatUnsafeMeans) {
  EXPECT_THAT(write_policy(full()), HasSubstr("EMULATED, NOT A TEE"));
  EXPECT_THAT(write_policy(*parse_policy(kMinimal, "m")), testing::Not(HasSubstr("unsafe")));
}

TEST(ParsePolicy, ProblemsComeWithFileLineAndColumn) {
  EXPECT_EQ(problem(kMinimal + "  vmp: 0\n"), "policy.yml:6:3: unknown key vmp");
  EXPECT_EQ(problem(kMinimal + "  vmpl: 0\n  vmpl: 0\n"), "policy.yml:7:3: duplicate key vmpl");
  EXPECT_EQ(problem(replaced(kMinimal, "version: 1", "version: 2")), "policy.yml:1:10: only version 1 is known");
  EXPECT_EQ(problem(replaced(kMinimal, kDigest48, "abcd")),
            "policy.yml:5:18: expected 48 bytes in hexadecimal, which are 96 characters");
}

TEST(ParsePolicy, RefusesWrongTypes) {
  EXPECT_THAT(problem(kMinimal + "  vmpl: four\n"), HasSubstr("decimal number"));
  EXPECT_THAT(problem(kMinimal + "  vmpl: \"0\"\n"), HasSubstr("decimal number"));
  EXPECT_THAT(problem(kMinimal + "  vmpl: -1\n"), HasSubstr("decimal number"));
  EXPECT_THAT(problem(kMinimal + "  vmpl: 256\n"), HasSubstr("decimal number"));
  EXPECT_THAT(problem(kMinimal + "  vmpl: 4\n"), HasSubstr("0 to 3"));
  EXPECT_THAT(problem(kMinimal + "  vmpl:\n"), HasSubstr("decimal number"));
  EXPECT_THAT(problem(kMinimal + "  require_crl: yes\n"), HasSubstr("true or false"));
  EXPECT_THAT(problem(kMinimal + "  host_data: abc\n"), HasSubstr("expected a list"));
  EXPECT_THAT(problem(kMinimal + "  host_data: [[]]\n"), HasSubstr("32 bytes"));
  EXPECT_THAT(problem(kMinimal + "unsafe: true\n"), HasSubstr("expected a map"));
  EXPECT_THAT(problem(kMinimal + "? [a]\n: b\n"), HasSubstr("expected a key"));
  EXPECT_THAT(problem("[]"), HasSubstr("expected a map"));
}

TEST(ParsePolicy, EveryPartOfTheMinimumTcbIsStated) {
  EXPECT_THAT(problem(replaced(kMinimal, "tee: 0, ", "")), HasSubstr("the key tee is missing"));
  EXPECT_THAT(problem(replaced(kMinimal, "Milan", "Turin")), HasSubstr("the key fmc is missing"));
  EXPECT_THAT(problem(replaced(kMinimal, "tee: 0", "tee: 0, fmc: 0")), HasSubstr("unknown key fmc"));
  EXPECT_THAT(problem(replaced(kMinimal, "Milan", "Rome")), HasSubstr("unknown key Rome"));
}

TEST(ParsePolicy, WhatMattersCannotBeLeftOut) {
  EXPECT_THAT(problem(replaced(kMinimal, "version: 1\n", "")), HasSubstr("the key version is missing"));
  EXPECT_THAT(problem("version: 1\n"), HasSubstr("the key sev_snp is missing"));
  EXPECT_THAT(problem(replaced(kMinimal, "  measurements: [" + kDigest48 + "]\n", "")),
              HasSubstr("the key measurements is missing"));
  EXPECT_THAT(problem("version: 1\nsev_snp: {products: {}, measurements: []}\n"), HasSubstr("no product is accepted"));
}

TEST(ParsePolicy, MeasurementsMayBeLeftOutWhereAzureEndorsesThem) {
  const std::string endorsed =
      replaced(kMinimal, "  measurements: [" + kDigest48 + "]\n", "") + "azure: {uvm: {minimum_svn: 104}}\n";
  const auto policy = parse_policy(endorsed, "p");
  ASSERT_TRUE(policy) << policy.error().what;
  EXPECT_FALSE(policy->sev_snp.measurements);
  ASSERT_TRUE(policy->azure.uvm);
  EXPECT_EQ(policy->azure.uvm->issuers, default_uvm().issuers);
  EXPECT_EQ(policy->azure.uvm->minimum_svn, 104U);
  EXPECT_EQ(write_policy(*parse_policy(write_policy(*policy), "again")), write_policy(*policy));
  EXPECT_THAT(problem(replaced(endorsed, "minimum_svn: 104", "feeds: []")), HasSubstr("minimum_svn is missing"));
  EXPECT_FALSE(policy->no_expected_software);
}

TEST(ParsePolicy, RefusesWhatIsNoVersionBitMaskOrPcr) {
  const std::string tcb = "115}";
  const auto with = [](const std::string& key) { return problem(kMinimal + "  " + key + "\n"); };
  for (const char* version : {"1.55", "1.55.22.1", "1.55.256", "1.55.-1", "v1.55.22", "1..22", "1.55.22."}) {
    EXPECT_THAT(problem(replaced(kMinimal, tcb, tcb + ", minimum_firmware: \"" + version + "\"")),
                HasSubstr("expected a version"))
        << version;
  }
  EXPECT_THAT(with("guest_policy: {minimum_abi: \"1\"}"), HasSubstr("expected a version"));
  EXPECT_THAT(with("guest_policy: {smt: true}"), HasSubstr("unknown key smt"));
  for (const char* bit : {"bit_64", "bit_-1", "bit_", "bit_1x", "smt", "5"}) {
    EXPECT_THAT(with(std::string("platform_info: {required: [") + bit + "]}"), HasSubstr("alias_check_complete"))
        << bit;
  }
  EXPECT_THAT(with("platform_info: {required: [bit_0], refused: [smt_enabled]}"),
              HasSubstr("both required and refused"));
  for (const char* mask : {"0x", "3f", "0x1ffffffffffffffff", "0x3g", "-1", "[]"}) {
    EXPECT_THAT(with(std::string("mitigation_vectors: {launch: ") + mask + "}"), HasSubstr("expected a mask")) << mask;
  }
  EXPECT_THAT(problem(kMinimal + "azure: {vm: {pcrs: {\"24\": " + std::string(64, 'a') + "}}}\n"),
              HasSubstr("unknown key 24"));
  EXPECT_THAT(problem(kMinimal + "azure: {vm: {pcrs: {}}}\n"), HasSubstr("no PCR is pinned"));
}

TEST(SafeDefaults, JudgeAMachineAndNoSoftware) {
  const Policy policy = safe_defaults();
  EXPECT_TRUE(policy.no_expected_software);
  EXPECT_EQ(policy.sev_snp.products.size(), evidence::sev_snp::kProducts.size());
  EXPECT_FALSE(policy.sev_snp.measurements);
  EXPECT_EQ(policy.unsafe, Unsafe{});
}

TEST(ParsePolicy, NobodyCanAllowDebugging) {
  for (const char* key : {"allow_debug", "debug", "migrate_ma"}) {
    EXPECT_THAT(problem(kMinimal + "  " + key + ": true\n"), HasSubstr("unknown key"));
    EXPECT_THAT(problem(kMinimal + "unsafe:\n  " + key + ": true\n"), HasSubstr("unknown key"));
  }
}

TEST(ParsePolicy, RefusesBombsAndWhatIsNoYaml) {
  EXPECT_THAT(problem(""), HasSubstr("empty"));
  EXPECT_THAT(problem("a: &x [1]\nb: *x\n"), HasSubstr("anchors"));
  EXPECT_THAT(problem("a: *x\n"), HasSubstr("policy.yml:1:"));
  EXPECT_THAT(problem("version: !!int 1\n"), HasSubstr("tags"));
  EXPECT_THAT(problem(std::string(9, '[')), HasSubstr("nested too deep"));
  EXPECT_THAT(problem(std::string(100'000, '[')), HasSubstr("nested too deep"));
  EXPECT_THAT(problem("a: [\n"), HasSubstr("policy.yml:2:1"));
  EXPECT_THAT(problem(kMinimal + "---\n" + kMinimal), HasSubstr("second document"));
  EXPECT_THAT(problem(kMinimal + "\xFF"), HasSubstr("not UTF-8"));
  const auto large = parse_policy(std::string(kPolicyCap + 1, '#'), "policy.yml");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, ErrorKind::limit);
}

TEST(ParsePolicy, NestingAsDeepAsAPolicyNeedsIsTaken) {
  EXPECT_EQ(problem(std::string(8, '[') + std::string(8, ']')), "policy.yml:1:1: expected a map of keys");
}

}  // namespace
}  // namespace blindbox::policy
