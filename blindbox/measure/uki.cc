// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/uki.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "blindbox/base/reader.h"

namespace blindbox::measure {
namespace {

constexpr std::size_t kSectionHeader = 40;
constexpr std::size_t kSectionCap = 96;  // PE's own limit for an image that loads

// systemd, src/fundamental: the sections that are measured, in their order, and the first stub that measures each.
struct Known {
  std::string_view name;
  unsigned since;
};
constexpr std::array kMeasured = {
    Known{".linux", 252},  Known{".osrel", 252}, Known{".cmdline", 252}, Known{".initrd", 252}, Known{".ucode", 256},
    Known{".splash", 252}, Known{".dtb", 252},   Known{".uname", 253},   Known{".sbat", 254},   Known{".pcrpkey", 252},
};

tl::unexpected<Error> bad_image(const std::string& why) {
  return base::fail(ErrorKind::malformed, "not a unified kernel image: " + why);
}

using Sections = std::map<std::string, ByteView, std::less<>>;

Result<Sections> read_sections(ByteView image) {
  base::Reader dos(image);
  if (base::as_text(dos.take(2)) != "MZ") return bad_image("it is no PE image");
  (void)dos.take(58);
  const std::uint32_t at = dos.u32le();
  if (!dos.ok() || at > image.size()) return bad_image("its PE header is outside of it");
  base::Reader header(image.subspan(at));
  const std::uint32_t signature = header.u32le();
  (void)header.u16le();  // machine
  const std::size_t count = header.u16le();
  (void)header.take(12);
  const std::size_t optional_header = header.u16le();
  (void)header.take(2 + optional_header);
  if (!header.ok() || signature != 0x4550) return bad_image("its PE header is damaged");
  if (count > kSectionCap) return bad_image("it has too many sections");
  Sections sections;
  for (std::size_t i = 0; i < count; ++i) {
    base::Reader section(header.take(kSectionHeader));
    std::string name(base::as_text(section.take(8)));
    name.resize(std::min(name.find('\0'), name.size()));
    const std::uint32_t size = section.u32le();
    (void)section.u32le();  // address in memory
    const std::uint32_t size_in_file = section.u32le();
    const std::uint32_t offset = section.u32le();
    if (!section.ok()) return bad_image("its sections end too early");
    const bool inside = offset <= image.size() && std::min(size, size_in_file) <= image.size() - offset;
    if (!inside) return bad_image("section " + name + " is outside of it");
    const bool known = std::any_of(kMeasured.begin(), kMeasured.end(), [&](const Known& k) { return k.name == name; });
    // Memory that the file does not fill would be measured as zeros; no tool makes such a section.
    if (known && size > size_in_file) return bad_image("section " + name + " is larger in memory than in the file");
    if (known && sections.contains(name)) return bad_image("it has two sections " + name);
    sections[name] = image.subspan(offset, std::min(size, size_in_file));
  }
  return sections;
}

// "#### LoaderInfo: systemd-stub 252.38-1~deb12u1 ####"
std::optional<unsigned> stub_version(const Sections& sections) {
  constexpr std::string_view kMarker = "systemd-stub ";
  const auto magic = sections.find(".sdmagic");
  if (magic == sections.end()) return std::nullopt;
  std::string_view text = base::as_text(magic->second);
  const std::size_t at = text.find(kMarker);
  if (at == std::string_view::npos) return std::nullopt;
  unsigned version = 0;
  for (const char digit : text.substr(at + kMarker.size())) {
    if (digit < '0' || digit > '9' || version > 100000) break;
    version = version * 10 + static_cast<unsigned>(digit - '0');
  }
  return version == 0 ? std::nullopt : std::optional(version);
}

}  // namespace

base::Sha256 extend_pcr(const base::Sha256& pcr, ByteView item) {
  ByteArray<64> both{};
  const base::Sha256 digest = base::sha256(item);
  std::copy(pcr.begin(), pcr.end(), both.begin());
  std::copy(digest.begin(), digest.end(), both.begin() + 32);
  return base::sha256(both);
}

Result<UkiMeasurement> measure_uki(ByteView image) {
  const auto sections = read_sections(image);
  if (!sections) return tl::unexpected(sections.error());
  if (!sections->contains(".linux")) return bad_image("it has no section .linux");
  for (const std::string_view choice : {".profile", ".dtbauto", ".hwids", ".efifw"}) {
    if (!sections->contains(choice)) continue;
    return base::fail(ErrorKind::malformed, "PCR 11 of the image depends on what is chosen while it boots",
                      "it has a section " + std::string(choice), "build it without");
  }
  const auto version = stub_version(*sections);
  if (!version) {
    return base::fail(ErrorKind::malformed, "the image does not say which systemd-stub it begins with", ".sdmagic",
                      "which sections are measured depends on it");
  }
  UkiMeasurement out;
  for (const Known& known : kMeasured) {
    const auto section = sections->find(known.name);
    if (section == sections->end() || *version < known.since) continue;
    std::string name(known.name);
    out.sections.push_back(name);
    name += '\0';
    out.pcr11 = extend_pcr(extend_pcr(out.pcr11, base::view(name)), section->second);
  }
  return out;
}

}  // namespace blindbox::measure
