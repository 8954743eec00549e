// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/uki.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "blindbox/measure/internal/pe.h"

namespace blindbox::measure {
namespace {

// systemd, src/fundamental: the sections that are measured, in their order, and the first stub that measures each.
struct Known {
  std::string_view name;
  unsigned since;
};
constexpr unsigned kLastCompared =
    257;  // tests/boot; whether later ones have firmware load the kernel is theirs to say
constexpr std::array kMeasured = {
    Known{".linux", 252},  Known{".osrel", 252}, Known{".cmdline", 252}, Known{".initrd", 252}, Known{".ucode", 256},
    Known{".splash", 252}, Known{".dtb", 252},   Known{".uname", 253},   Known{".sbat", 254},   Known{".pcrpkey", 252},
};

tl::unexpected<Error> bad_image(const std::string& why) {
  return base::fail(ErrorKind::malformed, "not a unified kernel image: " + why);
}

using Sections = std::map<std::string, ByteView, std::less<>>;

Result<Sections> read_sections(ByteView image) {
  auto pe = internal::parse_pe(image);
  if (!pe) return bad_image(pe.error().what);
  Sections sections;
  for (const internal::PeSection& section : pe->sections) {
    const std::uint32_t size = std::min(section.size, section.file_size);
    const bool inside = section.file_offset <= image.size() && size <= image.size() - section.file_offset;
    if (!inside) return bad_image("section " + section.name + " is outside of it");
    const bool known =
        std::any_of(kMeasured.begin(), kMeasured.end(), [&](const Known& k) { return k.name == section.name; });
    // Memory that the file does not fill would be measured as zeros; no tool makes such a section.
    if (known && section.size > section.file_size) {
      return bad_image("section " + section.name + " is larger in memory than in the file");
    }
    if (known && sections.contains(section.name)) return bad_image("it has two sections " + section.name);
    sections[section.name] = image.subspan(section.file_offset, size);
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

base::Sha256 extend_by(const base::Sha256& pcr, const base::Sha256& digest) {
  ByteArray<64> both{};
  std::copy(pcr.begin(), pcr.end(), both.begin());
  std::copy(digest.begin(), digest.end(), both.begin() + 32);
  return base::sha256(both);
}

// Firmware's own events, the image, and the kernel in it, which the stub has firmware load too.
base::Sha256 boot_applications(const base::Sha256& image, const base::Sha256& kernel) {
  base::Sha256 pcr = extend_pcr({}, base::view("Calling EFI Application from Boot Option"));
  pcr = extend_pcr(pcr, ByteArray<4>{});  // EV_SEPARATOR
  return extend_by(extend_by(pcr, image), kernel);
}

}  // namespace

base::Sha256 extend_pcr(const base::Sha256& pcr, ByteView item) { return extend_by(pcr, base::sha256(item)); }

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
    // An empty one is as good as none.
    if (section == sections->end() || section->second.empty() || *version < known.since) continue;
    std::string name(known.name);
    out.sections.push_back(name);
    name += '\0';
    out.pcr11 = extend_pcr(extend_pcr(out.pcr11, base::view(name)), section->second);
  }
  const auto whole = internal::authenticode(image);
  if (!whole) return bad_image(whole.error().what);
  out.authenticode = *whole;
  const auto kernel = internal::authenticode(sections->find(".linux")->second);
  if (kernel && *version <= kLastCompared) out.pcr4 = boot_applications(*whole, *kernel);
  return out;
}

}  // namespace blindbox::measure
