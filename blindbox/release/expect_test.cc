// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/expect.h"

#include <gmock/gmock.h>

#include "blindbox/policy/lint.h"
#include "blindbox/policy/starting_point.h"
#include "blindbox/release/testing.h"

namespace blindbox::release {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::make_release;

TEST(Expect, APolicyThatLeavesNothingOpen) {
  const auto made = expect({make_release(5)}, "", nullptr);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_THAT(*made->sev_snp.host_data, ElementsAre(make_release(5).platforms["azure-aci"].host_data.front()));
  EXPECT_FALSE(made->sev_snp.measurements) << "Microsoft's endorsement takes their place";
  EXPECT_EQ(made->azure.uvm->minimum_svn, 104U);
  EXPECT_THAT(*made->manifest.isolation_policies, ElementsAre(make_release(5).specification));
  EXPECT_THAT(*made->manifest.isolation_postures, ElementsAre("namespaces", "confined"));
  EXPECT_FALSE(made->manifest.model_sha256);
  const auto read = policy::parse_policy(policy::write_policy(*made), "p.yml");
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->sev_snp, made->sev_snp);
  for (const auto& remark : policy::lint(*read)) EXPECT_NE(remark.level, policy::Remark::Level::error) << remark.what;
}

TEST(Expect, TwoReleasesAreAcceptedAtOnce) {
  const auto made = expect({make_release(6), make_release(5)}, "azure-aci", nullptr);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->sev_snp.host_data->size(), 2U);
  EXPECT_THAT(*made->manifest.software_versions, ElementsAre("0.1.0"));
}

TEST(Expect, APolicyKeepsItsDemands) {
  policy::Policy strict = policy::starting_point(policy::Platform::azure_aci);
  strict.azure.uvm->minimum_svn = 200;
  strict.sev_snp.chip_ids.emplace();
  strict.manifest.software_versions = {{"0.1.0", "0.0.9"}};
  const auto made = expect({make_release(5)}, "", &strict);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(made->azure.uvm->minimum_svn, 200U);
  EXPECT_TRUE(made->sev_snp.chip_ids->empty()) << "none of the release's business: it still matches nothing";
  EXPECT_THAT(*made->manifest.software_versions, ElementsAre("0.1.0"));

  strict.sev_snp.host_data = {{base::sha256(base::view("mine"))}};
  const auto none = expect({make_release(5)}, "", &strict);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::policy);
  EXPECT_THAT(none.error().what, HasSubstr("sev_snp.host_data"));
}

TEST(Expect, ThePlatformIsNamedWhereThereAreSeveral) {
  Release release = make_release(5);
  release.platforms["sev-snp"].measurements = {base::sha384(base::view("launch"))};
  const auto open = expect({release}, "", nullptr);
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().what, HasSubstr("azure-aci, sev-snp"));
  const auto made = expect({release}, "sev-snp", nullptr);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_THAT(*made->sev_snp.measurements, ElementsAre(base::sha384(base::view("launch"))));
  EXPECT_FALSE(made->azure.uvm);
  EXPECT_FALSE(expect({make_release(6), release}, "sev-snp", nullptr)) << "the newer one is not for it";
  EXPECT_FALSE(expect({release}, "azure-vm", nullptr));
}

TEST(Expect, AModelIsPinnedWhereTheReleaseNamesOne) {
  Release release = make_release(5);
  release.model = base::sha256(base::view("weights"));
  EXPECT_THAT(*expect({release}, "", nullptr)->manifest.model_sha256, ElementsAre(*release.model));
}

TEST(Expect, PcrsOfAVirtualMachine) {
  Release release = make_release(5);
  release.platforms.clear();
  Expectation& expected = release.platforms["azure-vm"];
  expected.pcrs[11] = base::sha256(base::view("kernel"));
  expected.measurements = {base::sha384(base::view("paravisor"))};
  const auto made = expect({release}, "", nullptr);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(made->azure.vm->pcrs, expected.pcrs) << "PCR 4, which nobody filled in, is not asked about";
  Release other = release;
  other.platforms["azure-vm"].pcrs[11] = base::sha256(base::view("another"));
  EXPECT_FALSE(expect({other, release}, "", nullptr));
}

}  // namespace
}  // namespace blindbox::release
