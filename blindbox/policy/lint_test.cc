// SPDX-License-Identifier: Apache-2.0
#include "blindbox/policy/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/policy/starting_point.h"

namespace blindbox::policy {
namespace {

using Level = Remark::Level;

std::vector<std::string> of(Level level, const Policy& policy) {
  std::vector<std::string> out;
  for (const Remark& remark : lint(policy)) {
    if (remark.level == level) out.push_back(remark.where);
  }
  return out;
}

Policy careful() {
  Policy policy = starting_point(Platform::sev_snp);
  policy.sev_snp.products.erase(evidence::sev_snp::Product::turin);
  policy.sev_snp.measurements = {{ByteArray<48>{std::byte{1}}}};
  policy.sev_snp.chip_ids = {{ByteArray<64>{std::byte{1}}}};
  policy.sev_snp.require_crl = true;
  policy.manifest.model_sha256 = {{base::Sha256{std::byte{1}}}};
  return policy;
}

TEST(Lint, HasNothingToSayOfACarefulPolicy) { EXPECT_EQ(lint(careful()).size(), 0U); }

TEST(Lint, AStartingPointMustBeFilledInAndIsReadable) {
  for (const Platform platform : kPlatforms) {
    const Policy policy = starting_point(platform);
    EXPECT_THAT(of(Level::error, policy), testing::Not(testing::IsEmpty()));
    const auto again = parse_policy(write_policy(policy), "again");
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(again->sev_snp, policy.sev_snp);
    EXPECT_EQ(again->azure, policy.azure);
    EXPECT_EQ(platform_from_name(platform_name(platform)), platform);
  }
  EXPECT_FALSE(platform_from_name("tdx"));
}

TEST(Lint, NamesWhatIsWeak) {
  using evidence::sev_snp::Product;
  Policy policy = careful();
  policy.sev_snp.products[Product::milan].minimum_tcb.snp = 0x17;
  policy.sev_snp.products[Product::genoa].minimum_firmware.reset();
  policy.sev_snp.products[Product::turin] = {};
  policy.manifest.model_sha256.reset();
  EXPECT_THAT(of(Level::warning, policy),
              testing::ElementsAre("sev_snp.products.Milan.minimum_tcb", "sev_snp.products.Genoa.minimum_firmware",
                                   "sev_snp.products.Turin.minimum_tcb", "manifest.model_sha256"));
  policy.sev_snp.chip_ids.reset();
  policy.sev_snp.require_crl = false;
  EXPECT_THAT(of(Level::note, policy),
              testing::ElementsAre("sev_snp.products.Milan", "sev_snp.chip_ids", "sev_snp.require_crl"));
}

TEST(Lint, NamesWhatAcceptsNothingOrTooMuch) {
  Policy policy = careful();
  policy.sev_snp.measurements.reset();
  policy.azure.uvm = UvmPolicy{.issuers = {}, .feeds = {"f"}, .minimum_svn = 99};
  policy.azure.vm = AzureVmPolicy{{{7, {}}}};
  policy.unsafe.trust_emulator.emplace();
  policy.unsafe.allow_incomplete_alias_check.emplace();
  EXPECT_THAT(of(Level::error, policy),
              testing::ElementsAre("sev_snp.host_data", "azure.uvm", "azure.vm.pcrs.7", "unsafe.trust_emulator",
                                   "unsafe.allow_incomplete_alias_check"));
  EXPECT_THAT(of(Level::warning, policy), testing::ElementsAre("azure.uvm.minimum_svn"));
  policy.azure.vm->pcrs[4].fill(std::byte{1});  // the other's zeros may be the machine's
  EXPECT_THAT(of(Level::error, policy), testing::Not(testing::Contains("azure.vm.pcrs.7")));
  EXPECT_THAT(of(Level::warning, policy), testing::ElementsAre("azure.uvm.minimum_svn", "azure.vm.pcrs.7"));
  policy = careful();
  policy.sev_snp.measurements->clear();
  policy.sev_snp.chip_ids->clear();
  policy.sev_snp.host_data.emplace();
  policy.manifest.model_sha256->clear();
  EXPECT_THAT(of(Level::error, policy), testing::ElementsAre("sev_snp.measurements", "sev_snp.host_data",
                                                             "sev_snp.chip_ids", "manifest.model_sha256"));
}

}  // namespace
}  // namespace blindbox::policy
