// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/uki.h"

#include <gtest/gtest.h>

#include <utility>

#include "blindbox/measure/internal/ext4_format.h"

namespace blindbox::measure {
namespace {

using Sections = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kPe = 64;
constexpr std::size_t kTable = kPe + 24;

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
