// SPDX-License-Identifier: Apache-2.0
// connections.yml:
//   default: work
//   servers:
//     work:
//       url: https://code.example:8443
//       policy: policies/work.yml     # relative to this file
//       offline: false                # as the options of the same names
//       kds_url: https://...
//       cache_dir: /...
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::profiles {

inline constexpr std::size_t kCap = std::size_t{256} << 10;
inline constexpr const char* kFile = "connections.yml";

struct Profile {
  std::string name;
  std::string url;
  std::string policy;  // absolute once loaded
  bool offline = false;
  std::string kds_url;
  std::optional<std::string> cache_dir;
  bool operator==(const Profile&) const = default;
};

struct Profiles {
  std::string preferred;  // the file's "default"; one of the names, or empty where there are none
  std::vector<Profile> servers;
  [[nodiscard]] const Profile* find(std::string_view name) const;
  // In place of the one of that name, or as a new one; the first becomes the default.
  void put(Profile profile);
  bool operator==(const Profiles&) const = default;
};

// ErrorKind::usage with file, line and column for whatever is not exactly such a file.
[[nodiscard]] Result<Profiles> parse(std::string_view yaml, std::string_view name, std::string_view folder);
// parse() reads it back; paths below folder are written relative to it.
[[nodiscard]] std::string write(const Profiles& profiles, std::string_view folder);

// The file in folder; none there gives no profiles.
[[nodiscard]] Result<Profiles> load(const std::string& folder);
// Makes the folder where it is missing, for this user alone.
[[nodiscard]] Result<void> save(const Profiles& profiles, const std::string& folder);

// $XDG_CONFIG_HOME/blindbox or ~/.config/blindbox.
[[nodiscard]] std::string default_folder();

// 1 to 32 of a-z, 0-9, "-" and "_", beginning with a letter or a digit: it stands in paths and fields of requests.
[[nodiscard]] bool is_name(std::string_view name);

}  // namespace blindbox::profiles
