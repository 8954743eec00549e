// SPDX-License-Identifier: Apache-2.0
// What to accept, as the commands that connect take it: a policy, or signed releases and the trust root that counts their
// signatures, or both.
#pragma once

#include <CLI/CLI.hpp>

#include "blindbox/base/clock.h"
#include "blindbox/policy/policy.h"
#include "blindbox/release/accept.h"

namespace blindbox::apps {

struct ReleaseOptions {
  std::vector<std::string> files;
  std::optional<std::string> trust, state_folder, platform;
};

// "--release", "--trust", "--release-platform", "--state-dir". options outlives the command.
void add_release_options(CLI::App& command, ReleaseOptions& options);

// The files, read and accepted (release::accept): what was seen is remembered.
[[nodiscard]] Result<release::Accepted> accept_releases(const ReleaseOptions& options, base::Time now);

// What is accepted, and for how long: the first end of the releases and of the trust root, where there are any.
struct Expected {
  policy::Policy policy;
  std::optional<base::Time> until{};
  std::string ends{};  // the name of what ends first
};

// nullopt where neither a policy nor a release was given. With both, the policy's demands stay and the releases fill in
// what it leaves open.
[[nodiscard]] Result<std::optional<Expected>> what_to_accept(const std::optional<std::string>& policy_file,
                                                             const ReleaseOptions& options, base::Time now);

// "90d", or a time as base::parse_time reads it. ErrorKind::usage.
[[nodiscard]] Result<base::Time> parse_expiry(const std::string& text, base::Time now);

}  // namespace blindbox::apps
