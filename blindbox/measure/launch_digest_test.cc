// SPDX-License-Identifier: Apache-2.0
// Expected digests: sev-snp-measure 0.0.13 over the same bytes, which tests/boot/launch_test.py makes too (its function
// "known"), and compares many more with where that tool is installed.
#include "blindbox/measure/launch_digest.h"

#include <gtest/gtest.h>

#include "blindbox/measure/internal/ext4_format.h"

namespace blindbox::measure {
namespace {

constexpr std::string_view kResetBlock = "de71f7007e1acb4f890e68c77e2fb44e";
constexpr std::string_view kHashTable = "1f3755723b3a044b927b1da6efa8d454";
constexpr std::string_view kSvsmInfo = "12a689a797054b4ca49fcbb1fe9d1ddd";
constexpr std::string_view kMetadata = "666588dc4a989847a75e5585a7bf67cc";
constexpr std::string_view kFooter = "de82b596b21ff745baeaa366c55a082d";

struct Section {
  std::uint32_t address, size, type;
};
struct Entry {
  std::string_view guid;
  std::uint32_t value;
};

// Pages with the table at their end, as OVMF and the SVSM have it; metadata stand 1024 bytes before the end.
Bytes image(std::size_t pages, std::vector<Entry> entries, const std::vector<Section>& sections) {
  Bytes out(pages * 4096);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i % 251);
  std::size_t end = out.size() - 32;
  const auto put_entry = [&](std::string_view guid, std::size_t length) {
    const Bytes bytes = *base::from_hex(guid);
    std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(end) - 16);
    internal::put(out, end - 18, static_cast<std::uint16_t>(length));
  };
  entries.push_back({kMetadata, 1024});
  put_entry(kFooter, 18 + entries.size() * 22);
  end -= 18;
  for (const Entry& entry : entries) {
    put_entry(entry.guid, 22);
    internal::put(out, end - 22, entry.value);
    end -= 22;
  }
  std::size_t at = out.size() - 1024;
  const auto put_number = [&](std::uint32_t number) {
    internal::put(out, at, number);
    at += 4;
  };
  for (const std::uint32_t number : {0x56455341U, static_cast<std::uint32_t>(16 + 12 * sections.size()), 1U,
                                     static_cast<std::uint32_t>(sections.size())}) {
    put_number(number);
  }
  for (const Section& section : sections) {
    for (const std::uint32_t number : {section.address, section.size, section.type}) put_number(number);
  }
  return out;
}

Bytes firmware() {
  return image(3, {{kResetBlock, 0x80b004}, {kHashTable, 0x10c00}},
               {{0x800000, 0x3000, 1}, {0x80a000, 0x1000, 2}, {0x80b000, 0x1000, 3}, {0x10000, 0x1000, 0x10}});
}
Bytes svsm() {
  return image(2, {{kSvsmInfo, 0x40}}, {{0x800000, 0x2000, 1}, {0x802000, 0x1000, 2}, {0x803000, 0x1000, 3}});
}

std::string digest(const LaunchInput& input, const Bytes& of = firmware()) {
  const auto out = launch_digest(of, input);
  return out ? base::to_hex(*out) : out.error().what;
}

LaunchInput milan(std::uint32_t vcpus) {
  LaunchInput input;
  input.vcpus = vcpus;
  input.cpu_signature = *cpu_signature("EPYC-Milan");
  return input;
}

TEST(LaunchDigest, OfSmallFirmware) {
  EXPECT_EQ(digest(milan(1)),
            "ff0ac5a296ebe5cb885c513d92cf09e448c79632beba25431fc8c7f2874d224cbb17dee1caa9d0ba84f7693c4a5dd981");
  LaunchInput input = milan(512);
  input.guest_features = 0x21;
  input.kernel = DirectBoot{base::sha256(base::view("kernel")), base::sha256({}), hash_cmdline("a b")};
  EXPECT_EQ(digest(input),
            "1d5413a4ebfbfbedb697b3b9e795c79e09eeb0a14f892eb95eaf77b81726c83bac80afc389d00b952d35658fbcec04ef");
}

TEST(LaunchDigest, UnderAnSvsm) {
  const Bytes below = svsm();
  LaunchInput input = milan(1);
  input.svsm = Svsm{below, 0x84000};
  EXPECT_EQ(digest(input),
            "034402926dfb6dab9071cb4662735d4fc2524c737b4ee9bef81c60582a8c1e3658d06cdf1436d76edb8434e2ab582aaa");
  input.vcpus = 300;
  EXPECT_EQ(digest(input),
            "1a66756449b237c3b3bec02a7ddfdee6ca60a5774f384a8c4f317d7e7123e85ed1f74e0e0d2e305fda5424f5e68955b1");
  input.guest_features = 0x21;  // the SVSM has SNP's own alone
  EXPECT_EQ(digest(input),
            "1a66756449b237c3b3bec02a7ddfdee6ca60a5774f384a8c4f317d7e7123e85ed1f74e0e0d2e305fda5424f5e68955b1");
}

TEST(LaunchDigest, UnderAnSvsmRefusesWhatIsNotKnownThere) {
  const Bytes below = svsm();
  const auto with = [&](const auto& change) {
    LaunchInput input = milan(1);
    input.svsm = Svsm{below, 0x1000};
    change(input);
    return digest(input);
  };
  EXPECT_EQ(with([](LaunchInput& i) { i.mode = SevMode::sev_es; }), "an SVSM is known under SEV-SNP and QEMU alone");
  EXPECT_EQ(with([](LaunchInput& i) { i.hypervisor = Hypervisor::ec2; }),
            "an SVSM is known under SEV-SNP and QEMU alone");
  EXPECT_NE(with([](LaunchInput& i) { i.kernel.emplace(); }).find("neither a kernel"), std::string::npos);
  EXPECT_NE(with([](LaunchInput& i) { i.svsm->variables = 100; }).find("whole pages"), std::string::npos);
  EXPECT_NE(with([](LaunchInput& i) { i.svsm->variables = std::uint64_t{1} << 63; }).find("whole pages"),
            std::string::npos);
  EXPECT_EQ(with([](LaunchInput& i) { i.svsm->image = {}; }), "the SVSM is no whole pages");
  EXPECT_EQ(with([&](LaunchInput& i) { i.svsm->image = i.svsm->image.first(5000); }), "the SVSM is no whole pages");
  const Bytes other = firmware();
  EXPECT_EQ(with([&](LaunchInput& i) { i.svsm->image = other; }), "the SVSM does not say where it begins");
}

TEST(LaunchDigest, OfDamagedFirmware) {
  const auto refused = [](const Bytes& of, std::uint32_t vcpus = 1) { return digest(milan(vcpus), of); };
  EXPECT_EQ(refused(Bytes(8192)), "the firmware does not say where further vCPUs begin");
  EXPECT_EQ(refused(image(1, {{kResetBlock, 1}, {kResetBlock, 2}}, {})),
            "the firmware's table is damaged: the entry " + std::string(kResetBlock) + " is there twice");
  EXPECT_EQ(refused(image(1, {{kResetBlock, 0}}, {})).size(), 96U);  // one vCPU begins elsewhere
  EXPECT_NE(refused(image(1, {{kResetBlock, 0}}, {}), 2).find("begin nowhere"), std::string::npos);
  EXPECT_EQ(refused(image(1, {{kResetBlock, 1}}, {{0, 0x1000, 9}})),
            "the firmware has a section of the unknown type 9");
  EXPECT_EQ(refused(image(1, {{kResetBlock, 1}}, {{0, 0x1001, 1}})), "the firmware's sections make no sense");
  EXPECT_EQ(refused(image(1, {{kResetBlock, 1}}, {{0, 0xfffff000, 1}, {0, 0xfffff000, 1}})),
            "the firmware's sections make no sense");
  Bytes long_footer = firmware();
  internal::put(long_footer, long_footer.size() - 50, std::uint16_t{0xffff});
  EXPECT_EQ(refused(long_footer), "the firmware's table is damaged: its length makes no sense");
  Bytes short_entry = firmware();
  internal::put(short_entry, short_entry.size() - 68, std::uint16_t{3});
  EXPECT_EQ(refused(short_entry), "the firmware's table is damaged: an entry's length makes no sense");
  Bytes odd = firmware();
  odd.pop_back();
  EXPECT_NE(refused(odd).size(), 96U);
}

TEST(CpuSignature, OfNumbers) {
  EXPECT_EQ(*cpu_signature(25, 1, 1), *cpu_signature("EPYC-Milan"));
  EXPECT_EQ(*cpu_signature(26, 0, 0), 0xb00f00U);
  EXPECT_EQ(*cpu_signature(6, 255, 15), 0xf06ffU);
  EXPECT_EQ(*cpu_signature(270, 0, 0), 0xff00f00U);
  EXPECT_FALSE(cpu_signature(271, 0, 0));
  EXPECT_FALSE(cpu_signature(25, 256, 0));
  EXPECT_FALSE(cpu_signature(25, 1, 16));
}

}  // namespace
}  // namespace blindbox::measure
