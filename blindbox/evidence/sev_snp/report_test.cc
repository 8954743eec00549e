// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/sev_snp/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::evidence::sev_snp {
namespace {

using testing::HasSubstr;

// All zero but for what Table 23 wants set.
Bytes blank(std::uint8_t version) {
  Bytes bytes(kReportSize);
  bytes[0] = std::byte{version};
  bytes[0x0A] = std::byte{0x02};  // POLICY bit 17
  return bytes;
}

std::string problem(const Bytes& bytes) {
  const auto report = parse_report(bytes);
  return report ? "accepted" : report.error().what;
}

TEST(ParseReport, TakesVersionsTwoToFiveOnly) {
  for (std::uint8_t version = 2; version <= 5; ++version) EXPECT_EQ(problem(blank(version)), "accepted");
  for (const std::uint8_t version : std::initializer_list<std::uint8_t>{0, 1, 6, 255}) {
    EXPECT_EQ(problem(blank(version)), "SEV-SNP report version " + std::to_string(version) + " is not accepted");
  }
  Bytes large = blank(2);
  large[3] = std::byte{1};
  EXPECT_THAT(problem(large), HasSubstr("version 16777218"));
}

TEST(ParseReport, TakesTheOneSizeOnly) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}, kReportSize - 1, kReportSize + 1}) {
    Bytes bytes = blank(2);
    bytes.resize(size);
    EXPECT_THAT(problem(bytes), HasSubstr("this one has " + std::to_string(size)));
  }
}

TEST(ParseReport, PolicyBit17IsOneAndTheUpperOnesAreZero) {
  Bytes bytes = blank(2);
  bytes[0x0A] = std::byte{0};
  EXPECT_THAT(problem(bytes), HasSubstr("POLICY bit 17"));
  for (unsigned bit = 20; bit < 64; ++bit) {
    bytes = blank(2);
    bytes[0x08 + bit / 8] |= std::byte{1} << (bit % 8);
    EXPECT_EQ(problem(bytes) == "accepted", bit < 26) << bit;
  }
}

// Whether a byte may hold something, at each offset and for each version: Table 23, written a second time.
bool may_be_set(std::size_t offset, unsigned version) {
  const auto within = [offset](std::size_t begin, std::size_t end) { return offset >= begin && offset < end; };
  if (within(0x4C, 0x50) || within(0x18B, 0x1A0) || offset == 0x1EB || offset == 0x1EF) return false;
  if (within(0x188, 0x18B)) return version >= 3;
  if (within(0x1F8, 0x208)) return version >= 4;  // of 4 nobody outside AMD knows what stands there
  return !within(0x208, 0x2A0) && !within(0x2A0 + 144, kReportSize);
}

TEST(ParseReport, EveryReservedByteIsZero) {
  for (const std::uint8_t version : std::initializer_list<std::uint8_t>{2, 3, 4, 5}) {
    // From the fields behind VERSION and POLICY on; FLAGS at 48h has tests of its own.
    for (std::size_t offset = 0x10; offset < kReportSize; ++offset) {
      if (offset >= 0x48 && offset < 0x4C) continue;
      Bytes bytes = blank(version);
      bytes[offset] = std::byte{1};
      EXPECT_EQ(problem(bytes) == "accepted", may_be_set(offset, version))
          << "version " << +version << " at " << offset;
    }
  }
}

TEST(ParseReport, FlagsHaveFiveBits) {
  for (unsigned bit = 0; bit < 32; ++bit) {
    Bytes bytes = blank(2);
    bytes[0x48 + bit / 8] = std::byte{1} << (bit % 8);
    const auto report = parse_report(bytes);
    ASSERT_EQ(report.has_value(), bit < 5) << bit;
    if (!report) continue;
    EXPECT_EQ(report->author_key_en, bit == 0);
    EXPECT_EQ(report->mask_chip_key, bit == 1);
    EXPECT_EQ(report->signing_key, bit < 2 ? 0 : 1U << (bit - 2));
  }
}

TEST(ParseReport, PutsEveryFieldWhereTable23HasIt) {
  Bytes bytes = blank(5);
  const auto put = [&](std::size_t offset, unsigned value) { bytes[offset] = static_cast<std::byte>(value); };
  put(0x04, 1), put(0x08, 2), put(0x10, 3), put(0x20, 4), put(0x30, 5), put(0x34, 6), put(0x38, 7), put(0x40, 8);
  put(0x50, 9), put(0x90, 10), put(0xC0, 11), put(0xE0, 12), put(0x110, 13), put(0x140, 14), put(0x160, 15);
  put(0x180, 16), put(0x188, 0x19), put(0x189, 0x11), put(0x18A, 17), put(0x1A0, 18), put(0x1E0, 19);
  put(0x1E8, 20), put(0x1E9, 21), put(0x1EA, 22), put(0x1EC, 23), put(0x1ED, 24), put(0x1EE, 25), put(0x1F0, 26);
  put(0x1F8, 27), put(0x200, 28), put(0x2A0, 29), put(0x2E8, 30);
  const auto r = parse_report(bytes);
  ASSERT_TRUE(r) << r.error().what;
  const auto first = [](const auto& array) { return std::to_integer<int>(array[0]); };
  EXPECT_EQ(r->version, 5U);
  EXPECT_EQ(r->guest_svn, 1U);
  EXPECT_EQ(r->policy, 0x20002U);
  EXPECT_EQ(first(r->family_id), 3);
  EXPECT_EQ(first(r->image_id), 4);
  EXPECT_EQ(r->vmpl, 5U);
  EXPECT_EQ(r->signature_algo, 6U);
  EXPECT_EQ(r->current_tcb, 7U);
  EXPECT_EQ(r->platform_info, 8U);
  EXPECT_EQ(first(r->report_data), 9);
  EXPECT_EQ(first(r->measurement), 10);
  EXPECT_EQ(first(r->host_data), 11);
  EXPECT_EQ(first(r->id_key_digest), 12);
  EXPECT_EQ(first(r->author_key_digest), 13);
  EXPECT_EQ(first(r->report_id), 14);
  EXPECT_EQ(first(r->report_id_ma), 15);
  EXPECT_EQ(r->reported_tcb, 16U);
  EXPECT_EQ(r->product(), Product::genoa);
  EXPECT_EQ(r->cpuid_stepping, 17);
  EXPECT_EQ(first(r->chip_id), 18);
  EXPECT_EQ(r->committed_tcb, 19U);
  EXPECT_EQ(r->current_firmware.build, 20);
  EXPECT_EQ(r->current_firmware.minor, 21);
  EXPECT_EQ(r->current_firmware.major, 22);
  EXPECT_EQ(r->committed_firmware.build, 23);
  EXPECT_EQ(r->committed_firmware.minor, 24);
  EXPECT_EQ(r->committed_firmware.major, 25);
  EXPECT_EQ(r->launch_tcb, 26U);
  EXPECT_EQ(r->launch_mit_vector, 27U);
  EXPECT_EQ(r->current_mit_vector, 28U);
  EXPECT_EQ(first(r->signature_r), 29);
  EXPECT_EQ(first(r->signature_s), 30);
}

TEST(Product, FollowsFamilyAndModel) {
  EXPECT_EQ(product_from_cpuid(0x19, 0x00), Product::milan);
  EXPECT_EQ(product_from_cpuid(0x19, 0x0F), Product::milan);
  EXPECT_EQ(product_from_cpuid(0x19, 0x10), Product::genoa);
  EXPECT_EQ(product_from_cpuid(0x19, 0x1F), Product::genoa);
  EXPECT_EQ(product_from_cpuid(0x19, 0x20), std::nullopt);
  EXPECT_EQ(product_from_cpuid(0x19, 0x9F), std::nullopt);
  EXPECT_EQ(product_from_cpuid(0x19, 0xA0), Product::genoa);
  EXPECT_EQ(product_from_cpuid(0x19, 0xAF), Product::genoa);
  EXPECT_EQ(product_from_cpuid(0x19, 0xB0), std::nullopt);
  EXPECT_EQ(product_from_cpuid(0x1A, 0x00), Product::turin);
  EXPECT_EQ(product_from_cpuid(0x1A, 0x1F), Product::turin);
  EXPECT_EQ(product_from_cpuid(0x1A, 0x20), std::nullopt);
  EXPECT_EQ(product_from_cpuid(0x17, 0x01), std::nullopt);
  EXPECT_EQ(parse_report(blank(2))->product(), std::nullopt);
}

TEST(Product, NamesReadBack) {
  for (const Product product : kProducts) EXPECT_EQ(product_from_name(product_name(product)), product);
  EXPECT_EQ(product_from_name("milan"), std::nullopt);
  EXPECT_EQ(product_from_name(""), std::nullopt);
}

TEST(Tcb, TurinPutsFmcFirst) {
  const std::uint64_t raw = 0x5100'0000'0401'0203;
  EXPECT_EQ(decode_tcb(raw, Product::turin), (Tcb{.fmc = 3, .bootloader = 2, .tee = 1, .snp = 4, .microcode = 0x51}));
  EXPECT_EQ(decode_tcb(0xDB18'0000'0000'0004, Product::milan),
            (Tcb{.fmc = 0, .bootloader = 4, .tee = 0, .snp = 0x18, .microcode = 0xDB}));
  const Tcb all{.fmc = 1, .bootloader = 2, .tee = 3, .snp = 4, .microcode = 5};
  EXPECT_EQ(decode_tcb(encode_tcb(all, Product::turin), Product::turin), all);
  EXPECT_EQ(encode_tcb(all, Product::milan), 0x0504'0000'0000'0302U);
}

TEST(Tcb, TheOrderIsPartial) {
  const Tcb floor{.fmc = 1, .bootloader = 1, .tee = 1, .snp = 1, .microcode = 1};
  EXPECT_TRUE(floor.at_least(floor));
  for (auto part : {&Tcb::fmc, &Tcb::bootloader, &Tcb::tee, &Tcb::snp, &Tcb::microcode}) {
    Tcb tcb{.fmc = 9, .bootloader = 9, .tee = 9, .snp = 9, .microcode = 9};
    EXPECT_TRUE(tcb.at_least(floor));
    tcb.*part = 0;
    EXPECT_FALSE(tcb.at_least(floor));
  }
}

}  // namespace
}  // namespace blindbox::evidence::sev_snp
