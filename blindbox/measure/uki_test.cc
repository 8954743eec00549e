// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/uki.h"

#include <gtest/gtest.h>

#include <utility>

#include "blindbox/measure/internal/ext4_format.h"

namespace blindbox::measure {
namespace {

using Sections = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kPe = 64;
constexpr std::size_t kOptional = 240;
constexpr std::size_t kTable = kPe + 24 + kOptional;

// The smallest PE image that has these sections, each in a place of its own.
Bytes image(const Sections& sections) {
  Bytes out(kTable + sections.size() * 40);
  const auto text = [&out](std::size_t at, std::string_view what) {
    const ByteView bytes = base::view(what);
    std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  };
  text(0, "MZ");
  internal::put(out, 60, static_cast<std::uint32_t>(kPe));
  text(kPe, "PE");
  internal::put(out, kPe + 6, static_cast<std::uint16_t>(sections.size()));
  internal::put(out, kPe + 20, static_cast<std::uint16_t>(kOptional));
  internal::put(out, kPe + 24, std::uint16_t{0x20b});
  internal::put(out, kPe + 24 + 60, static_cast<std::uint32_t>(out.size()));
  internal::put(out, kPe + 24 + 108, std::uint32_t{16});
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const std::size_t at = kTable + i * 40;
    text(at, sections[i].first);
    internal::put(out, at + 8, static_cast<std::uint32_t>(sections[i].second.size()));
    internal::put(out, at + 16, static_cast<std::uint32_t>(sections[i].second.size() + 3));  // filled up in the file
    internal::put(out, at + 20, static_cast<std::uint32_t>(out.size()));
    const ByteView contents = base::view(sections[i].second);
    out.insert(out.end(), contents.begin(), contents.end());
    out.resize(out.size() + 3);
  }
  return out;
}

Sections debian() {
  return {{".sdmagic", "#### LoaderInfo: systemd-stub 252.38-1~deb12u1 ####"},
          {".sbat", "sbat,1"},
          {".osrel", "ID=debian\n"},
          {".cmdline", "console=ttyS0"},
          {".initrd", "INITRD"},
          {".linux", "KERNEL"}};
}

// What systemd-measure 252 calculated of these four files, for the phases "", "enter-initrd" and
// "enter-initrd:leave-initrd".
TEST(Uki, GivesWhatSystemdMeasureCalculates) {
  const auto measured = measure_uki(image(debian()));
  ASSERT_TRUE(measured) << measured.error().what;
  EXPECT_EQ(base::to_hex(measured->pcr11), "0e47f375de6c95eb4da05dbdccb72a5fdc64d39676b57fa760a234795cc720e8");
  EXPECT_EQ(measured->sections, (std::vector<std::string>{".linux", ".osrel", ".cmdline", ".initrd"}));
  const auto entered = extend_pcr(measured->pcr11, base::view("enter-initrd"));
  EXPECT_EQ(base::to_hex(entered), "7356f15240fd78244812e8e0b6e7617dc07e238ce74613f1b717fc5adf39a537");
  EXPECT_EQ(base::to_hex(extend_pcr(entered, base::view("leave-initrd"))),
            "08be891c6ea9a25966be32d4f90891bd205d5bca2ffeb36b44d72052a231d4f2");
}

TEST(Uki, ALaterStubMeasuresMore) {
  Sections sections = debian();
  sections[0].second = "#### LoaderInfo: systemd-stub 257 ####";
  const auto measured = measure_uki(image(sections));
  ASSERT_TRUE(measured);
  EXPECT_EQ(measured->sections.back(), ".sbat");
}

// Folded by hand: what firmware notes of its first boot option, the image and the kernel in it.
TEST(Uki, Pcr4NamesWhatFirmwareLoads) {
  const Bytes inner = image({{".text", "code"}});
  Sections sections = debian();
  sections.back().second = std::string(base::as_text(inner));
  Bytes whole = image(sections);
  const auto hashed = [](ByteView bytes) {  // all but the checksum and the entry of the signatures
    Bytes rest;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const bool left_out = (i >= kPe + 24 + 64 && i < kPe + 24 + 68) || (i >= kPe + 24 + 144 && i < kPe + 24 + 152);
      if (!left_out) rest.push_back(bytes[i]);
    }
    return base::sha256(rest);
  };
  const auto measured = measure_uki(whole);
  ASSERT_TRUE(measured) << measured.error().what;
  EXPECT_EQ(measured->authenticode, hashed(whole));
  ASSERT_TRUE(measured->pcr4);
  Bytes pcr(32);
  for (const base::Sha256& event : {base::sha256(base::view("Calling EFI Application from Boot Option")),
                                    base::sha256(Bytes(4)), hashed(whole), hashed(inner)}) {
    pcr.insert(pcr.end(), event.begin(), event.end());
    pcr = base::to_bytes(base::sha256(pcr));
  }
  EXPECT_EQ(base::to_hex(*measured->pcr4), base::to_hex(pcr));

  // A signature changes neither.
  internal::put(whole, kPe + 24 + 64, std::uint32_t{77});
  internal::put(whole, kPe + 24 + 144, static_cast<std::uint32_t>(whole.size()));
  internal::put(whole, kPe + 24 + 148, std::uint32_t{16});
  whole.resize(whole.size() + 16, std::byte{5});
  const auto with_signature = measure_uki(whole);
  ASSERT_TRUE(with_signature);
  EXPECT_EQ(with_signature->authenticode, measured->authenticode);
  internal::put(whole, kPe + 24 + 148, std::uint32_t{1} << 30);
  EXPECT_FALSE(measure_uki(whole)) << "signatures outside of the file";

  sections[0].second = "#### LoaderInfo: systemd-stub 258 ####";
  EXPECT_FALSE(measure_uki(image(sections))->pcr4) << "never compared";
}

// The format's own step 14, which firmware follows: what is left is counted, not what stands behind the last section.
TEST(Uki, FirmwareHashesBytesAgainThatAGapMoved) {
  constexpr std::size_t kGap = 8;
  Bytes whole = image(debian());
  const std::size_t last = kTable + 5 * 40 + 20;  // where the place of .linux stands
  const std::size_t size = std::string_view("KERNEL").size() + 3;
  const std::size_t sum = whole.size();
  whole.insert(whole.end() - static_cast<std::ptrdiff_t>(size), kGap, std::byte{7});
  internal::put(whole, last, static_cast<std::uint32_t>(whole.size() - size));
  Bytes hashed;
  const auto add = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) hashed.push_back(whole[i]);
  };
  add(0, kPe + 24 + 64);
  add(kPe + 24 + 68, kPe + 24 + 144);
  add(kPe + 24 + 152, sum - size);
  add(whole.size() - size, whole.size());
  add(sum, whole.size());
  const auto measured = measure_uki(whole);
  ASSERT_TRUE(measured) << measured.error().what;
  EXPECT_EQ(measured->authenticode, base::sha256(hashed));
}

TEST(Uki, AnEmptySectionIsNone) {
  Sections sections = debian();
  sections[3].second = "";
  const auto measured = measure_uki(image(sections));
  ASSERT_TRUE(measured);
  EXPECT_EQ(measured->sections, (std::vector<std::string>{".linux", ".osrel", ".initrd"}));
}

TEST(Uki, SectionsThatOverlapAreRefused) {
  Bytes bytes = image(debian());
  internal::put(bytes, kTable + 40 + 20, static_cast<std::uint32_t>(kTable + 6 * 40 + 4));
  EXPECT_FALSE(measure_uki(bytes));
}

TEST(Uki, RefusesWhatItCannotPredict) {
  for (const char* const choice : {".profile", ".dtbauto", ".hwids", ".efifw", ".linux"}) {
    Sections sections = debian();
    sections.emplace_back(choice, "x");
    EXPECT_FALSE(measure_uki(image(sections))) << choice;
  }
  Sections sections = debian();
  sections.erase(sections.begin());
  EXPECT_FALSE(measure_uki(image(sections))) << "no version";
  sections = debian();
  sections.pop_back();
  EXPECT_FALSE(measure_uki(image(sections))) << "no kernel";
}

TEST(Uki, EveryCutIsRefused) {
  const Bytes whole = image(debian());
  for (std::size_t size = 0; size + 3 < whole.size(); ++size) {
    const auto measured = measure_uki(ByteView(whole).first(size));
    ASSERT_FALSE(measured) << size;
    EXPECT_EQ(measured.error().kind, ErrorKind::malformed);
  }
}

TEST(Uki, ASectionLargerThanInTheFileIsRefused) {
  Bytes bytes = image(debian());
  internal::put(bytes, kTable + 5 * 40 + 8, std::uint32_t{1000});
  EXPECT_FALSE(measure_uki(bytes));
}

}  // namespace
}  // namespace blindbox::measure
