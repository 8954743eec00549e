// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/accept.h"

#include <algorithm>

#include "blindbox/release/internal/state.h"

namespace blindbox::release {
namespace {

using base::fail;
using internal::Epochs;
using internal::State;

struct CheckedRoot {
  TrustRoot root;
  Document document;
};

Result<CheckedRoot> read_root(const NamedText& from, base::Time now) {
  auto document = read_document(from.text, from.name);
  if (!document) return base::pass_on(document);
  auto root = check_trust_root(*document, from.name, now);
  if (!root) return base::pass_on(root);
  return CheckedRoot{*std::move(root), *std::move(document)};
}

// The root that is remembered was trusted when it was: its own expiry no longer counts, only what follows on it.
Result<void> check_against(const State& seen, const CheckedRoot& given, const std::string& name) {
  const auto before = decode_trust_root(seen.root, "the remembered trust root");
  if (!before) return fail(ErrorKind::io, before.error().what);
  if (given.root.version < before->version) {
    return fail(ErrorKind::forbidden, name + " is older than the trust root that this machine has seen",
                "version " + std::to_string(given.root.version) + ", seen was " + std::to_string(before->version),
                "ask the publisher for the current one");
  }
  if (given.root.version > before->version) return check_rotation(*before, given.root, given.document);
  if (given.document.body == seen.root.body) return {};
  return fail(ErrorKind::not_authentic,
              name + " is another version " + std::to_string(given.root.version) +
                  " of the trust root than this machine has seen",
              "", "two of one version mean that somebody signs in the publisher's name: ask the publisher");
}

Result<std::vector<Release>> read_releases(const std::vector<NamedText>& texts, const TrustRoot& root, base::Time now) {
  std::vector<Release> out;
  for (const NamedText& text : texts) {
    auto document = read_document(text.text, text.name);
    if (!document) return base::pass_on(document);
    auto release = check_release(*document, text.name, root, now);
    if (!release) return base::pass_on(release);
    if (!out.empty() && release->name != out.front().name) {
      return fail(ErrorKind::usage, "the releases are of two applications: " + out.front().name + ", " + release->name);
    }
    out.push_back(*std::move(release));
  }
  std::ranges::sort(out, [](const Release& a, const Release& b) { return a.epoch > b.epoch; });
  return out;
}

Result<void> check_epochs(const std::vector<Release>& releases, const Epochs& seen) {
  const Release& newest = releases.front();
  if (newest.epoch < seen.highest) {
    return fail(ErrorKind::forbidden, "the release of " + newest.name + " is older than one that this machine has seen",
                "epoch " + std::to_string(newest.epoch) + ", seen was " + std::to_string(seen.highest),
                "ask the publisher for the current release; an older one is taken beside it alone");
  }
  const std::uint64_t least = std::max(seen.minimum, newest.minimum_epoch);
  if (releases.back().epoch < least) {
    return fail(ErrorKind::forbidden, "a release of " + newest.name + " has been withdrawn by its publisher",
                "epoch " + std::to_string(releases.back().epoch) + ", the least is " + std::to_string(least));
  }
  return {};
}

}  // namespace

Result<Accepted> accept(const NamedText& root_text, const std::vector<NamedText>& texts, const std::string& folder,
                        base::Time now) {
  if (texts.empty()) return fail(ErrorKind::usage, "no release was given");
  auto root = read_root(root_text, now);
  if (!root) return base::pass_on(root);
  auto file = internal::StateFile::lock(folder, base::to_hex(root->root.id));
  if (!file) return base::pass_on(file);
  auto seen = file->read();
  if (!seen) return base::pass_on(seen);
  if (*seen) {
    if (auto checked = check_against(**seen, *root, root_text.name); !checked) return base::pass_on(checked);
  }
  auto releases = read_releases(texts, root->root, now);
  if (!releases) return base::pass_on(releases);
  State next = *seen ? **seen : State{.root = root->document};
  next.root = root->document;
  Epochs& epochs = next.applications[releases->front().name];
  if (auto checked = check_epochs(*releases, epochs); !checked) return base::pass_on(checked);
  epochs.highest = std::max(epochs.highest, releases->front().epoch);
  for (const Release& release : *releases) epochs.minimum = std::max(epochs.minimum, release.minimum_epoch);
  if (!*seen || encode(next) != encode(**seen)) {
    if (auto written = file->write(next); !written) return base::pass_on(written);
  }
  return Accepted{std::move(root->root), *std::move(releases)};
}

Result<std::string> state_folder() {
  const auto absolute = [](const char* name) -> std::string {
    const char* const value = std::getenv(name);
    return value != nullptr && *value == '/' ? value : "";
  };
  if (const auto folder = absolute("XDG_STATE_HOME"); !folder.empty()) return folder + "/blindbox/releases";
  if (const auto home = absolute("HOME"); !home.empty()) return home + "/.local/state/blindbox/releases";
  return fail(ErrorKind::usage, "neither XDG_STATE_HOME nor HOME is an absolute path", "", "--state-dir DIR names one");
}

}  // namespace blindbox::release
