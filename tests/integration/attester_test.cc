// SPDX-License-Identifier: Apache-2.0
// The production attester over an emulated guest: the honest one, and hosts that lie in every place.
#include "blindbox/attester/attester.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "blindbox/attester/azure.h"
#include "blindbox/attester/internal/surroundings.h"
#include "blindbox/attester/sev_guest.h"
#include "blindbox/attester/tsm.h"
#include "blindbox/base/file.h"
#include "blindbox/emulator/certificate_table.h"
#include "blindbox/emulator/fuse_guest.h"
#include "blindbox/emulator/testing.h"
#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::attester {
namespace {

using emulator::Device;
using emulator::EmulatedDevice;
using emulator::Guest;
using emulator::MountedGuest;
using emulator::test_processor;
using testing::HasSubstr;
using testing::StartsWith;
using Kind = Platform::Kind;

ByteArray<64> report_data(unsigned seed = 1) {
  ByteArray<64> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(seed + i);
  return out;
}

// A host that answers honestly until a test says otherwise.
class LyingDevice : public Device {
 public:
  Answer report(const ByteArray<64>& data, std::uint32_t) override {
    ++calls;
    Answer answer;
    answer.report = test_processor()->report(Guest(), data);
    answer.certificates = emulator::certificate_table(test_processor()->certificates(Guest()), Guest().signing_key);
    if (lie) lie(answer);
    return answer;
  }
  std::string provider() const override { return provider_name; }
  std::function<void(Answer&)> lie;
  std::string provider_name = "sev_guest";
  int calls = 0;
};

class EmulatedGuest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "SKIPPED: this machine has no usable /dev/fuse";
    std::string pattern = (std::filesystem::temp_directory_path() / "blindbox-guest-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    guest_.reset();
    if (folder_.empty()) return;
    const auto mounts = base::read_file("/proc/self/mounts", std::size_t{1} << 20).value();
    EXPECT_THAT(std::string(base::as_text(mounts)), testing::Not(HasSubstr(folder_)));
    EXPECT_TRUE(std::filesystem::remove(folder_));
  }
  template <typename D>
  std::shared_ptr<D> mount(std::shared_ptr<D> device) {
    auto guest = MountedGuest::start(folder_, device);
    EXPECT_TRUE(guest) << base::to_string(guest.error());
    if (guest) guest_ = std::move(*guest);
    return device;
  }
  [[nodiscard]] std::unique_ptr<Attester> open(Kind kind) const {
    auto attester = open_attester({kind, folder_});
    EXPECT_TRUE(attester) << base::to_string(attester.error());
    return attester ? std::move(*attester) : nullptr;
  }
  // The error of one attestation, or "accepted".
  [[nodiscard]] std::string refusal(Kind kind) const {
    const auto evidence = open(kind)->attest(report_data());
    if (evidence) return "accepted";
    EXPECT_NE(evidence.error().kind, ErrorKind::internal);
    return base::to_string(evidence.error());
  }
  [[nodiscard]] bool no_instance_left() const { return std::filesystem::is_empty(folder_ + "/tsm/report"); }

  std::string folder_;
  std::unique_ptr<MountedGuest> guest_;
};

constexpr std::array kInterfaces{Kind::emulator, Kind::emulator_ioctl};

TEST_F(EmulatedGuest, GivesReportAndCertificatesByOneCallOverEitherInterface) {
  Guest guest;
  guest.product = emulator::Product::genoa;
  guest.host_data.fill(std::byte{7});
  const auto device = mount(std::make_shared<EmulatedDevice>(test_processor(), guest));
  std::uint64_t calls = 0;
  for (const Kind kind : kInterfaces) {
    const auto attester = open(kind);
    EXPECT_THAT(attester->description(), StartsWith("EMULATED, NOT A TEE"));
    for (unsigned round = 0; round < 3; ++round) {
      const auto evidence = attester->attest(report_data(round));
      ASSERT_TRUE(evidence) << base::to_string(evidence.error());
      const auto report = evidence::sev_snp::parse_report(evidence->report).value();
      EXPECT_EQ(report.report_data, report_data(round));
      EXPECT_EQ(report.host_data, guest.host_data);
      EXPECT_EQ(report.product(), guest.product);
      EXPECT_EQ(evidence->certificates, test_processor()->certificates(guest));
      EXPECT_EQ(device->calls(), ++calls);
    }
  }
  EXPECT_TRUE(no_instance_left());
}

TEST_F(EmulatedGuest, GivesAVlekWhereTheHostHasOne) {
  Guest guest;
  guest.signing_key = emulator::SigningKey::vlek;
  mount(std::make_shared<EmulatedDevice>(test_processor(), guest));
  for (const Kind kind : kInterfaces) {
    EXPECT_EQ(open(kind)->attest(report_data())->certificates, test_processor()->certificates(guest));
  }
}

TEST_F(EmulatedGuest, IsNeverPickedByDetectionNorPassesForTheRealThing) {
  mount(std::make_shared<EmulatedDevice>(test_processor(), Guest()));
  const internal::Surroundings around{folder_ + "/tsm/report", folder_ + "/sev-guest", folder_ + "/sev", ""};
  for (const Platform& platform : {Platform{Kind::automatic, ""}, Platform{Kind::sev_guest, ""},
                                   Platform{Kind::tsm, ""}, Platform{Kind::azure, "/tmp"}}) {
    const auto opened = internal::open_attester(platform, around);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::platform);
  }
}

TEST_F(EmulatedGuest, AnswersTheOlderDeviceWithoutCertificates) {
  mount(std::make_shared<EmulatedDevice>(test_processor(), Guest()));
  const auto attester = SevGuest::open(folder_ + "/sev", SevGuest::Abi::sev_5x, "old").value();
  const auto evidence = attester->attest(report_data());
  ASSERT_TRUE(evidence) << base::to_string(evidence.error());
  EXPECT_EQ(evidence::sev_snp::parse_report(evidence->report)->report_data, report_data());
  EXPECT_TRUE(evidence->certificates.empty());
}

TEST_F(EmulatedGuest, GoesWithAzuresEndorsement) {
  mount(std::make_shared<EmulatedDevice>(test_processor(), Guest()));
  const std::string context = folder_ + "-context";
  std::filesystem::create_directory(context);
  const auto base64 = base::to_base64(base::view("endorsement"));
  ASSERT_TRUE(base::write_file(context + "/reference-info-base64", base::view(base64)));
  auto device = SevGuest::open(folder_ + "/sev-guest", SevGuest::Abi::sev_guest, "device").value();
  const auto azure = Azure::open(context, std::move(device)).value();
  const auto evidence = azure->attest(report_data()).value();
  EXPECT_EQ(base::as_text(evidence.uvm_endorsement), "endorsement");
  EXPECT_EQ(evidence.certificates.size(), 3U);
  std::filesystem::remove_all(context);
}

TEST_F(EmulatedGuest, ABusyHostIsAskedAgainWithinBounds) {
  const auto device = mount(std::make_shared<EmulatedDevice>(test_processor(), Guest()));
  const auto attester = SevGuest::open(folder_ + "/sev-guest", SevGuest::Abi::sev_guest, "device",
                                       {.tries = 3, .first_wait = std::chrono::milliseconds(1)})
                            .value();
  device->be_busy(2);
  EXPECT_TRUE(attester->attest(report_data()));
  EXPECT_EQ(device->calls(), 3U);
  device->be_busy(3);
  const auto evidence = attester->attest(report_data());
  ASSERT_FALSE(evidence);
  EXPECT_THAT(base::to_string(evidence.error()), HasSubstr("throttles"));
  EXPECT_EQ(device->calls(), 6U);
}

TEST_F(EmulatedGuest, ADeviceThatGoesAwayIsAnError) {
  mount(std::make_shared<EmulatedDevice>(test_processor(), Guest()));
  const auto ioctl = open(Kind::emulator_ioctl);
  const auto tsm = open(Kind::emulator);
  guest_.reset();
  for (const auto* attester : {&ioctl, &tsm}) {
    const auto evidence = (*attester)->attest(report_data());
    ASSERT_FALSE(evidence);
    EXPECT_EQ(evidence.error().kind, ErrorKind::platform);
  }
}

TEST_F(EmulatedGuest, ARacingWriterIsNoticedAndOutlasted) {
  const auto device = mount(std::make_shared<LyingDevice>());
  int races = 2;
  device->lie = [&](Device::Answer&) {
    if (races == 0) return;
    --races;
    const std::string instance = guest_->tsm().names().at(0);
    EXPECT_EQ(guest_->tsm().write(instance, "inblob", report_data(99)), 0);
  };
  EXPECT_EQ(refusal(Kind::emulator), "accepted");
  EXPECT_EQ(races, 0);
  races = 1000;
  EXPECT_THAT(refusal(Kind::emulator), HasSubstr("another process keeps writing"));
  EXPECT_GT(races, 980) << "a bound on the attempts";
  EXPECT_TRUE(no_instance_left());
}

TEST_F(EmulatedGuest, AnotherKindOfGuestIsNamed) {
  const auto device = mount(std::make_shared<LyingDevice>());
  for (const std::string name : {"tdx_guest", "", "sev_guest\nx", "\xff\xfe"}) {
    device->provider_name = name;
    const auto attester = Tsm::open(folder_ + "/tsm/report", "test");
    ASSERT_FALSE(attester) << name;
    EXPECT_THAT(base::to_string(attester.error()), HasSubstr("expected provider sev_guest"));
  }
  device->provider_name = std::string(5000, 'x');
  EXPECT_FALSE(Tsm::open(folder_ + "/tsm/report", "test"));
  device->provider_name = "sev_guest";
  EXPECT_TRUE(Tsm::open(folder_ + "/tsm/report", "test"));
  EXPECT_TRUE(no_instance_left());
}

struct Lie {
  const char* what;
  std::function<void(Device::Answer&)> tell;
  const char* by_tsm;
  const char* by_ioctl;
};

const std::vector<Lie>& lies() {
  static const std::vector<Lie> all{
      {"no report", [](auto& a) { a.report.clear(); }, "wrong length", "wrong length"},
      {"a short report", [](auto& a) { a.report.resize(1183); }, "wrong length", "wrong length"},
      {"a long report", [](auto& a) { a.report.resize(1185); }, "wrong length", "wrong length"},
      {"more than a response holds", [](auto& a) { a.report.resize(3969); }, "wrong length", "absurd length"},
      {"more than an outblob holds", [](auto& a) { a.report.resize(40000); }, "larger than", "absurd length"},
      {"another's report data", [](auto& a) { a.report[0x50] ^= std::byte{1}; }, "other report data",
       "other report data"},
      {"a firmware error", [](auto& a) { a.status = 0x16; }, "No such device or address", "status 22"},
      {"a hypervisor error", [](auto& a) { a.vmm_error = 77; }, "Input/output error", "hypervisor error 77"},
      {"a table of garbage", [](auto& a) { a.certificates.assign(4096, std::byte{0xff}); }, "table is malformed",
       "table is malformed"},
      {"a table without an end", [](auto& a) { a.certificates.resize(71); }, "table is malformed", nullptr},
      {"a cut certificate", [](auto& a) { a.certificates.resize(a.certificates.size() - 1); }, "table is malformed",
       nullptr},
      {"an offset out of range", [](auto& a) { a.certificates[19] = std::byte{0xff}; }, "table is malformed",
       "table is malformed"},
      {"an offset into the header", [](auto& a) { a.certificates[16] = a.certificates[17] = std::byte{0}; },
       "table is malformed", "table is malformed"},
      {"a length out of range", [](auto& a) { a.certificates[23] = std::byte{0x7f}; }, "table is malformed",
       "table is malformed"},
      {"more certificates than a driver takes", [](auto& a) { a.certificates.resize(20000); }, "accepted",
       "Invalid argument"},
      {"an absurd amount of certificates", [](auto& a) { a.certificates.resize(70000); }, "larger than",
       "absurd amount"},
      {"an enormous amount of certificates", [](auto& a) { a.certificates.resize(std::size_t{1} << 24); },
       "larger than", "absurd amount"},
  };
  return all;
}

TEST_F(EmulatedGuest, AHostThatLiesIsRefusedInEveryPlace) {
  const auto device = mount(std::make_shared<LyingDevice>());
  for (const Lie& lie : lies()) {
    device->lie = lie.tell;
    EXPECT_THAT(refusal(Kind::emulator), HasSubstr(lie.by_tsm)) << lie.what;
    // The ioctl pads a table with zeros, which makes some cuts whole again.
    if (lie.by_ioctl != nullptr) {
      EXPECT_THAT(refusal(Kind::emulator_ioctl), HasSubstr(lie.by_ioctl)) << lie.what;
    }
  }
  device->lie = nullptr;
  for (const Kind kind : kInterfaces) EXPECT_EQ(refusal(kind), "accepted") << "the same host, honest again";
  EXPECT_TRUE(no_instance_left());
}

TEST_F(EmulatedGuest, AHostWithoutCertificatesGivesAReportAlone) {
  const auto device = mount(std::make_shared<LyingDevice>());
  device->lie = [](Device::Answer& answer) { answer.certificates.clear(); };
  for (const Kind kind : kInterfaces) {
    const auto evidence = open(kind)->attest(report_data());
    ASSERT_TRUE(evidence);
    EXPECT_TRUE(evidence->certificates.empty());
  }
  // A hypervisor that does not know the extended request.
  int refused = 0;
  device->lie = [&](Device::Answer& answer) {
    if (refused++ == 0) answer.vmm_error = std::uint32_t{1} << 31;
  };
  const auto evidence = open(Kind::emulator_ioctl)->attest(report_data());
  ASSERT_TRUE(evidence) << base::to_string(evidence.error());
  EXPECT_TRUE(evidence->certificates.empty());
  EXPECT_EQ(refused, 2);
}

}  // namespace
}  // namespace blindbox::attester
