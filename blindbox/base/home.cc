// SPDX-License-Identifier: Apache-2.0
#include "blindbox/base/home.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace blindbox::base {

std::string home_folder() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return home;
  std::array<char, 4096> text{};
  passwd entry{};
  passwd* found = nullptr;
  const bool known = ::getpwuid_r(::geteuid(), &entry, text.data(), text.size(), &found) == 0 && found != nullptr;
  if (known && found->pw_dir != nullptr && *found->pw_dir == '/') return found->pw_dir;
  return "/nonexistent";
}

}  // namespace blindbox::base
