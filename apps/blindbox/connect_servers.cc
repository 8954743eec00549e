// SPDX-License-Identifier: Apache-2.0
#include "connect_servers.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/proxy/until.h"
#include "command.h"

namespace blindbox::apps {
namespace {

bool is_url(const std::string& text) { return text.find("://") != std::string::npos; }

Result<profiles::Profile> from_url(const ServerOptions& options, const std::string& url) {
  if (!options.policy && options.release.files.empty()) {
    return base::fail(
        ErrorKind::usage, "nothing says what to accept of a URL: --policy FILE, or --release FILE and --trust FILE", "",
        "see \"blindbox --help\" and \"blindbox connect --help\"; the provider of the server hands them out");
  }
  if (!options.save.empty() && !options.policy) {
    return base::fail(ErrorKind::usage, "--save keeps a policy, and there is none", "",
                      "write one by \"blindbox policy from-release\", or name the release at each start");
  }
  if (!options.save.empty() && !profiles::is_name(options.save)) {
    return base::fail(ErrorKind::usage, "not a name: " + options.save, "", "1 to 32 of a-z, 0-9, - and _");
  }
  profiles::Profile profile;
  profile.name = options.save.empty() ? "default" : options.save;
  profile.url = url;
  profile.policy = options.policy.value_or("");
  profile.offline = options.endorsements.offline;
  profile.kds_url = options.endorsements.kds_url;
  profile.cache_dir = options.endorsements.cache_dir;
  // What is saved must hold wherever it is used later.
  std::error_code error;
  if (profile.cache_dir && !profile.cache_dir->empty())
    profile.cache_dir = std::filesystem::absolute(*profile.cache_dir, error).string();
  return profile;
}

Result<std::vector<profiles::Profile>> from_names(const ServerOptions& options) {
  const std::string folder = profiles::default_folder();
  auto known = profiles::load(folder);
  if (!known) return base::pass_on(known);
  std::vector<std::string> names = options.servers;
  if (names.empty()) {
    for (const auto& one : known->servers) names.push_back(one.name);
    std::ranges::stable_partition(names, [&](const std::string& name) { return name == known->preferred; });
  }
  if (names.empty()) {
    return base::fail(ErrorKind::usage, "no server is named and none is saved", folder + "/" + profiles::kFile,
                      "blindbox connect https://HOST:PORT --policy policy.yml --save NAME");
  }
  std::vector<profiles::Profile> chosen;
  for (const std::string& name : names) {
    const auto* const found = known->find(name);
    if (found == nullptr) {
      const bool host = name.find_first_of(".:") != std::string::npos;  // no name of ours has these
      if (host) return base::fail(ErrorKind::usage, "not a URL of the form https://HOST:PORT: " + name);
      return base::fail(ErrorKind::usage, "no server is saved under the name " + name, folder + "/" + profiles::kFile,
                        "give its URL, with --policy and --save " + name);
    }
    const bool twice = std::ranges::count(names, name) > 1;
    if (twice) return base::fail(ErrorKind::usage, "the server " + name + " is named twice");
    chosen.push_back(*found);
  }
  return chosen;
}

}  // namespace

Result<std::vector<profiles::Profile>> chosen_profiles(const ServerOptions& options) {
  const auto urls = std::ranges::count_if(options.servers, is_url);
  if (urls > 0 && options.servers.size() > 1) {
    return base::fail(ErrorKind::usage, "a URL stands alone", "", "save it under a name first (--save NAME)");
  }
  if (urls == 0 && (options.policy || !options.release.files.empty() || !options.save.empty())) {
    return base::fail(ErrorKind::usage, "--policy, --release and --save go with a URL, https://host:port");
  }
  if (urls == 0) return from_names(options);
  auto profile = from_url(options, options.servers.front());
  if (!profile) return base::pass_on(profile);
  return std::vector{std::move(*profile)};
}

Result<Expected> policy_for(const profiles::Profile& chosen, const ServerOptions& options) {
  const auto file = options.release.files.empty() ? std::optional(chosen.policy) : options.policy;
  auto policy = what_to_accept(file, options.release, base::now());
  if (!policy) return base::pass_on(policy);
  if (!*policy) return base::fail(ErrorKind::usage, "nothing says what to accept of " + chosen.url);
  return **std::move(policy);
}

Result<std::vector<proxy::Server>> make_servers(const std::vector<profiles::Profile>& chosen,
                                                const ServerOptions& options, const LogAttempt& log) {
  std::vector<proxy::Server> servers;
  for (const profiles::Profile& one : chosen) {
    auto at = net::parse_url(one.url, "https", 443);
    if (!at) return base::pass_on(at);
    auto policy = policy_for(one, options);
    if (!policy) return base::pass_on(policy);
    EndorsementsOptions endorsements;
    endorsements.offline = one.offline || options.endorsements.offline;
    endorsements.kds_url = one.kds_url.empty() ? options.endorsements.kds_url : one.kds_url;
    endorsements.cache_dir = one.cache_dir ? one.cache_dir : options.endorsements.cache_dir;
    auto complete = evidence_completer(endorsements, policy->policy);
    if (!complete) return base::pass_on(complete);
    if (policy->until) complete = proxy::only_until(*policy->until, policy->ends, *std::move(complete));
    proxy::PoolOptions pool_options;
    pool_options.server = *at;
    pool_options.policy = std::move(policy->policy);
    pool_options.complete = std::move(*complete);
    pool_options.hold = std::chrono::seconds(options.hold);
    auto pool =
        proxy::Pool::make(std::move(pool_options), [log, name = one.name](const auto& outcome) { log(name, outcome); });
    if (!pool) return base::pass_on(pool);
    servers.push_back({one.name, one.url, std::move(*pool)});
  }
  return servers;
}

Result<void> save_profile(const profiles::Profile& profile, bool make_default) {
  const std::string folder = profiles::default_folder();
  auto known = profiles::load(folder);
  if (!known) return base::pass_on(known);
  auto text = base::read_file(profile.policy, policy::kPolicyCap);
  if (!text) return base::pass_on(text);
  if (auto made = profiles::save(*known, folder); !made) return made;
  const std::string policies = folder + "/policies";
  constexpr mode_t kMine = 0700;
  if (::mkdir(policies.c_str(), kMine) != 0 && errno != EEXIST) {
    return base::fail(ErrorKind::io, "cannot make " + policies);
  }
  profiles::Profile saved = profile;
  saved.policy = policies + "/" + profile.name + ".yml";
  constexpr unsigned kOwn = 0600;
  if (auto written = base::write_file(saved.policy, *text, kOwn); !written) return written;
  if (make_default) known->preferred = saved.name;
  known->put(std::move(saved));
  return profiles::save(*known, folder);
}

}  // namespace blindbox::apps
