// SPDX-License-Identifier: Apache-2.0
// From what the command line and connections.yml say to servers with a policy each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "blindbox/profiles/profiles.h"
#include "blindbox/proxy/proxy.h"
#include "endorsements_options.h"
#include "release_options.h"

namespace blindbox::apps {

struct ServerOptions {
  std::vector<std::string> servers;   // names or one URL; none: all of connections.yml, its default first
  std::optional<std::string> policy;  // of the URL; an empty name is a name, and of no file
  ReleaseOptions release;             // of the URL, beside the policy or in place of it
  std::string save;                   // the name to save the URL under
  bool make_default = false;
  unsigned hold = 10;  // seconds
  EndorsementsOptions endorsements;
};

// ErrorKind::usage for names that nobody has saved, a URL without a policy, and the like.
[[nodiscard]] Result<std::vector<profiles::Profile>> chosen_profiles(const ServerOptions& options);

// What to accept of a chosen one.
[[nodiscard]] Result<Expected> policy_for(const profiles::Profile& chosen, const ServerOptions& options);

// In the same order. What the pool attempts goes to log, with the server's name.
using LogAttempt = std::function<void(const std::string& name, const attested_tls::ConnectOutcome&)>;
[[nodiscard]] Result<std::vector<proxy::Server>> make_servers(const std::vector<profiles::Profile>& chosen,
                                                              const ServerOptions& options, const LogAttempt& log);

// Puts the profile into connections.yml, with a copy of its policy beside it: what was accepted stays what is accepted.
[[nodiscard]] Result<void> save_profile(const profiles::Profile& profile, bool make_default);

}  // namespace blindbox::apps
