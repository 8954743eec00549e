// SPDX-License-Identifier: Apache-2.0
#include "release_options.h"

#include <charconv>

#include "blindbox/base/file.h"
#include "blindbox/release/expect.h"
#include "command.h"

namespace blindbox::apps {
namespace {

void add_text(CLI::App& command, const std::string& name, std::optional<std::string>& value, const char* what,
              const char* type) {
  // An empty text is a value: a script's unset variable must not become "nothing was given".
  command
      .add_option_function<std::string>(
          name, [&value](const std::string& text) { value = text; }, what)
      ->type_name(type);
}

Result<release::NamedText> read(const std::string& path) {
  auto bytes = base::read_file(path, release::kDocumentCap);
  if (!bytes) return base::pass_on(bytes);
  return release::NamedText{path, std::string(base::as_text(*bytes))};
}

}  // namespace

void add_release_options(CLI::App& command, ReleaseOptions& options) {
  command
      .add_option("--release", options.files,
                  "accept what this signed release promises; again for an older one that is still running")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_text(command, "--trust", options.trust, "the trust root: whose signatures on releases count", "FILE");
  add_text(command, "--release-platform", options.platform, "where the server runs, of a release for several platforms",
           "NAME");
  add_text(command, "--state-dir", options.state_folder, "where to remember the newest release seen", "DIR");
}

Result<release::Accepted> accept_releases(const ReleaseOptions& options, base::Time now) {
  if (!options.trust) {
    return base::fail(ErrorKind::usage, "--release needs --trust: the file that says whose signatures count", "",
                      "the publisher hands it out; get it by another way than the releases");
  }
  auto root = read(*options.trust);
  if (!root) return base::pass_on(root);
  std::vector<release::NamedText> releases;
  for (const std::string& file : options.files) {
    auto text = read(file);
    if (!text) return base::pass_on(text);
    releases.push_back(*std::move(text));
  }
  auto folder = options.state_folder ? Result<std::string>(*options.state_folder) : release::state_folder();
  if (!folder) return base::pass_on(folder);
  if (folder->empty()) return base::fail(ErrorKind::usage, "--state-dir names no folder");
  return release::accept(*root, releases, *folder, now);
}

Result<std::optional<Expected>> what_to_accept(const std::optional<std::string>& policy_file,
                                               const ReleaseOptions& options, base::Time now) {
  if (options.files.empty() && (options.trust || options.platform || options.state_folder)) {
    return base::fail(ErrorKind::usage, "--trust, --release-platform and --state-dir need --release FILE");
  }
  std::optional<policy::Policy> policy;
  if (policy_file) {
    auto loaded = load_policy(*policy_file);
    if (!loaded) return base::pass_on(loaded);
    policy = *std::move(loaded);
  }
  if (options.files.empty()) return policy ? std::optional(Expected{*std::move(policy)}) : std::nullopt;
  auto accepted = accept_releases(options, now);
  if (!accepted) return base::pass_on(accepted);
  auto expected = release::expect(accepted->releases, options.platform.value_or(""), policy ? &*policy : nullptr);
  if (!expected) return base::pass_on(expected);
  Expected out{*std::move(expected), accepted->root.expires, *options.trust};
  for (const release::Release& one : accepted->releases) {
    if (one.expires >= *out.until) continue;
    out.until = one.expires;
    out.ends = "the release of " + one.name + " with epoch " + std::to_string(one.epoch);
  }
  return std::optional(std::move(out));
}

Result<base::Time> parse_expiry(const std::string& text, base::Time now) {
  constexpr int kMostDays = 3660;
  int days = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, days);
  if (error == std::errc{} && stop + 1 == end && *stop == 'd') {
    if (days >= 1 && days <= kMostDays) return now + std::chrono::hours(24) * days;
    return base::fail(ErrorKind::usage, "--expires takes 1d to 3660d: " + text);
  }
  auto time = base::parse_time(text);
  if (time && *time > now) return *time;
  return base::fail(ErrorKind::usage, "--expires is no time to come: " + text, "",
                    "write 90d, or a date such as 2027-01-31");
}

}  // namespace blindbox::apps
