// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attester/platform.h"

#include <array>

namespace blindbox::attester {
namespace {

struct Word {
  std::string_view name;
  Platform::Kind kind;
  enum { none, may, must } path;
};
constexpr std::array kWords{
    Word{"auto", Platform::Kind::automatic, Word::none},
    Word{"sev-guest", Platform::Kind::sev_guest, Word::may},
    Word{"tsm", Platform::Kind::tsm, Word::may},
    Word{"azure", Platform::Kind::azure, Word::may},
    Word{"emulator", Platform::Kind::emulator, Word::must},
    Word{"emulator-ioctl", Platform::Kind::emulator_ioctl, Word::must},
};

tl::unexpected<Error> refuse(std::string_view text, std::string why) {
  // What a user typed may hold anything; a message shows the start of it.
  return base::fail(ErrorKind::usage, "unknown platform \"" + std::string(text.substr(0, 80)) + "\"", std::move(why),
                    "use auto, sev-guest[:PATH], tsm[:DIR], azure[:DIR] or, for development, emulator:DIR");
}

}  // namespace

Result<Platform> parse_platform(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const bool has_path = colon != std::string_view::npos;
  const std::string path(has_path ? text.substr(colon + 1) : std::string_view{});
  for (const Word& word : kWords) {
    if (word.name != name) continue;
    if (has_path && (path.empty() || path.find('\0') != std::string::npos)) return refuse(text, "the path is empty");
    if (has_path && word.path == Word::none) return refuse(text, "auto takes no path");
    if (!has_path && word.path == Word::must) {
      return refuse(text, "an emulator needs the folder where \"blindbox emulator\" is mounted");
    }
    return Platform{word.kind, path};
  }
  return refuse(text, {});
}

}  // namespace blindbox::attester
