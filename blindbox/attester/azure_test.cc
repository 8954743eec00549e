// SPDX-License-Identifier: Apache-2.0
// Azure's security context directory: a genuine one where it is at hand, and broken ones.
#include "blindbox/attester/azure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "blindbox/base/digest.h"
#include "blindbox/base/file.h"

namespace blindbox::attester {
namespace {

using testing::HasSubstr;

class FixedDevice : public Attester {
 public:
  Result<evidence::Evidence> attest(const ByteArray<64>& report_data) override {
    if (fails) return base::fail(ErrorKind::platform, "device says no");
    evidence::Evidence evidence;
    evidence.report.assign(report_data.begin(), report_data.end());
    evidence.certificates = {Bytes(3, std::byte{7})};
    return evidence;
  }
  std::string description() const override { return "a device"; }
  bool fails = false;
};

class AzureFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "blindbox-azure-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void put(const std::string& name, const std::string& content) const {
    ASSERT_TRUE(base::write_file(folder_ + "/" + name, base::view(content)));
  }
  void put_json(const std::string& json) const { put("host-amd-cert-base64", base::to_base64(base::view(json))); }
  [[nodiscard]] Result<std::unique_ptr<Attester>> open() const {
    return Azure::open(folder_, std::make_unique<FixedDevice>());
  }
  [[nodiscard]] std::string refusal() const {
    const auto opened = open();
    return opened ? "accepted" : base::to_string(opened.error());
  }
  std::string folder_;
};

TEST(AzureVector, GenuineDirectoryGivesItsChainAndItsEndorsement) {
  const char* chosen = std::getenv("BLINDBOX_VECTORS");
  const std::string vectors = chosen != nullptr ? chosen : std::string(BLINDBOX_SOURCE_DIR) + "/../shared/vectors";
  const std::string folder = vectors + "/evidence/aci/sidecar-secctx-svn100";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "SKIPPED: no real directory at " << folder;
  auto azure = Azure::open(folder, std::make_unique<FixedDevice>());
  ASSERT_TRUE(azure) << base::to_string(azure.error());
  const auto evidence = (*azure)->attest({}).value();
  EXPECT_EQ(evidence.report.size(), 64U) << "the device's";
  ASSERT_EQ(evidence.certificates.size(), 3U) << "VCEK, ASK, ARK";
  EXPECT_EQ(evidence.certificates[2],
            base::read_file(vectors + "/evidence/sev-snp/_roots/milan_ark.der", 8192).value());
  EXPECT_EQ(evidence.certificates[1],
            base::read_file(vectors + "/evidence/sev-snp/_roots/milan_ask.der", 8192).value());
  ASSERT_GT(evidence.uvm_endorsement.size(), 1000U);
  EXPECT_EQ(evidence.uvm_endorsement[0], std::byte{0xd2}) << "COSE_Sign1";
  EXPECT_THAT((*azure)->description(), HasSubstr("a device"));
}

TEST_F(AzureFolder, MissingFilesAreTolerated) {
  put("something-newer", "x");
  const auto azure = open();
  ASSERT_TRUE(azure);
  const auto evidence = (*azure)->attest({}).value();
  EXPECT_EQ(evidence.certificates, (std::vector<Bytes>{Bytes(3, std::byte{7})})) << "the device's own";
  EXPECT_TRUE(evidence.uvm_endorsement.empty());
}

TEST_F(AzureFolder, ADeviceThatFailsFails) {
  auto device = std::make_unique<FixedDevice>();
  device->fails = true;
  const auto azure = Azure::open(folder_, std::move(device)).value();
  EXPECT_EQ(azure->attest({}).error().what, "device says no");
}

TEST_F(AzureFolder, MalformedFilesAreRefused) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
  const auto json = [](std::string vcek, std::string chain) {
    for (std::string* text : {&vcek, &chain}) {
      for (std::size_t at = 0; (at = text->find('\n', at)) != std::string::npos; at += 2) text->replace(at, 1, "\\n");
    }
    return "{\"vcekCert\":\"" + vcek + "\",\"tcbm\":\"0\",\"certificateChain\":\"" + chain + "\"}";
  };
  put_json(json(pem, pem + pem));
  EXPECT_EQ(refusal(), "accepted");
  put_json(json("", pem));
  EXPECT_THAT(refusal(), HasSubstr("vcekCert"));
  put_json(json(pem, "garbage"));
  EXPECT_THAT(refusal(), HasSubstr("certificateChain"));
  put_json("{\"vcekCert\":1}");
  EXPECT_THAT(refusal(), HasSubstr("has no text \"vcekCert\""));
  for (const char* bad : {"[]", "nul", "{", "{\"vcekCert\":\"\xff\"}"}) {
    put_json(bad);
    EXPECT_THAT(refusal(), HasSubstr("is not a JSON object")) << bad;
  }
  put_json(std::string(40000, '['));
  EXPECT_THAT(refusal(), HasSubstr("is not a JSON object"));
  put("host-amd-cert-base64", "!!");
  EXPECT_THAT(refusal(), HasSubstr("is not base64"));
  put("host-amd-cert-base64", std::string(64 * 1024 + 1, 'A'));
  EXPECT_THAT(refusal(), HasSubstr("is larger than"));
  std::filesystem::remove(folder_ + "/host-amd-cert-base64");
  put("reference-info-base64", "AA=A");
  EXPECT_THAT(refusal(), HasSubstr("is not base64"));
  put("reference-info-base64", std::string(256 * 1024 + 4, 'A'));
  EXPECT_THAT(refusal(), HasSubstr("is larger than"));
}

TEST(Azure, WithoutItsFolderIsAnError) {
  const auto azure = Azure::open("/nonexistent", std::make_unique<FixedDevice>());
  ASSERT_FALSE(azure);
  EXPECT_EQ(azure.error().kind, ErrorKind::platform);
  EXPECT_THAT(azure.error().hint, HasSubstr("UVM_SECURITY_CONTEXT_DIR"));
}

}  // namespace
}  // namespace blindbox::attester
