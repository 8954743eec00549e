// SPDX-License-Identifier: Apache-2.0
// A client's side: whether releases are good, by the trust root that the user names and by what this machine has seen
// before. Whoever can hand out old files, rightly signed once, is refused by the second.
#pragma once

#include "blindbox/release/release.h"

namespace blindbox::release {

struct NamedText {
  std::string name;  // for messages
  std::string text;
};

struct Accepted {
  TrustRoot root;
  std::vector<Release> releases;  // of one application, the newest epoch first
};

// Every release must be good by root (check_release), all of one application. The newest must be at or above the highest
// epoch that folder remembers of it, each of them at or above the highest minimum epoch: so two are good at once while an
// upgrade rolls, and an old one alone never is again. root must be what is remembered, or follow on it (check_rotation);
// an older one is ErrorKind::forbidden, as a rolled back release is.
//
// What was seen is written to FOLDER/ID.json (owner alone; a lock, then a new file in its place) before this returns;
// what is written there and cannot be read is an error, never a fresh start. ErrorKind::io.
[[nodiscard]] Result<Accepted> accept(const NamedText& root, const std::vector<NamedText>& releases,
                                      const std::string& folder, base::Time now);

// $XDG_STATE_HOME/blindbox/releases, else $HOME/.local/state/blindbox/releases. ErrorKind::usage where neither is an
// absolute path.
[[nodiscard]] Result<std::string> state_folder();

}  // namespace blindbox::release
