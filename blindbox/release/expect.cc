// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/expect.h"

#include <algorithm>

#include "blindbox/policy/starting_point.h"

namespace blindbox::release {
namespace {

using base::fail;
using policy::Policy;

template <typename Value>
using List = std::optional<std::vector<Value>>;

// Everything of the releases, once.
struct Promised {
  List<base::Sha384> measurements;
  List<base::Sha256> host_data;
  List<base::Sha256> model, specifications;
  List<std::string> versions, postures;
};

template <typename Value>
void add(List<Value>& list, const std::vector<Value>& values) {
  if (!list) list.emplace();
  for (const Value& value : values) {
    if (std::ranges::find(*list, value) == list->end()) list->push_back(value);
  }
}

// An empty list is one to fill in, as "policy init" writes it; one that has values stays a demand.
template <typename Value>
Result<void> narrow(List<Value>& demanded, const List<Value>& promised, const char* where) {
  if (!promised) return {};
  if (!demanded || demanded->empty()) {
    demanded = promised;
    return {};
  }
  std::erase_if(*demanded,
                [&promised](const Value& value) { return std::ranges::find(*promised, value) == promised->end(); });
  if (!demanded->empty()) return {};
  return fail(ErrorKind::policy, std::string("the policy and the release have nothing in common under ") + where, "",
              "empty the list in the policy, and the release fills it in");
}

Result<std::string> choose(const std::vector<Release>& releases, const std::string& asked) {
  std::string names;
  for (const auto& [name, expected] : releases.front().platforms) names += (names.empty() ? "" : ", ") + name;
  std::string platform = asked;
  if (platform.empty() && releases.front().platforms.size() == 1) platform = releases.front().platforms.begin()->first;
  if (platform.empty()) {
    return fail(ErrorKind::usage, "the release is for several platforms: " + names, "",
                "--release-platform NAME says which one the server runs on");
  }
  for (const Release& release : releases) {
    if (release.platforms.contains(platform)) continue;
    return fail(ErrorKind::usage,
                "epoch " + std::to_string(release.epoch) + " of " + release.name + " is not for " + platform,
                "it is for " + names);
  }
  return platform;
}

Promised collect(const std::vector<Release>& releases, const std::string& platform) {
  Promised out;
  for (const Release& release : releases) {
    const Expectation& expected = release.platforms.at(platform);
    if (!expected.measurements.empty()) add(out.measurements, expected.measurements);
    if (!expected.host_data.empty()) add(out.host_data, expected.host_data);
    if (release.model) add(out.model, {*release.model});
    add(out.specifications, {release.specification});
    add(out.versions, release.software_versions);
    add(out.postures, release.postures);
  }
  return out;
}

Policy beginning(const std::string& platform) {
  if (platform == "sev-snp") return starting_point(policy::Platform::sev_snp);
  if (platform == "azure-vm") return starting_point(policy::Platform::azure_vm);
  return starting_point(policy::Platform::azure_aci);
}

// The policy holds one value per PCR: releases that differ in one cannot be accepted at once.
Result<void> expect_pcrs(const std::vector<Release>& releases, const std::string& platform, Policy& policy) {
  if (platform != "azure-vm") return {};
  std::map<std::uint8_t, base::Sha256> pcrs = releases.front().platforms.at(platform).pcrs;
  for (const Release& release : releases) {
    if (release.platforms.at(platform).pcrs != pcrs) {
      return fail(ErrorKind::usage, "the releases differ in a PCR, and a policy holds one value of each", "",
                  "name one release");
    }
  }
  if (!policy.azure.vm) policy.azure.vm.emplace();
  for (const auto& [index, value] : pcrs) {
    const auto demanded = policy.azure.vm->pcrs.find(index);
    const bool open = demanded == policy.azure.vm->pcrs.end() || base::all_zero(demanded->second);
    if (!open && demanded->second != value) {
      return fail(ErrorKind::policy, "the policy and the release differ in PCR " + std::to_string(index));
    }
    policy.azure.vm->pcrs[index] = value;
  }
  // What "policy init" leaves to fill in and no release fills in would match nothing.
  std::erase_if(policy.azure.vm->pcrs, [](const auto& pcr) { return base::all_zero(pcr.second); });
  return {};
}

void expect_uvm(const std::vector<Release>& releases, const std::string& platform, Policy& policy) {
  std::optional<std::uint64_t> least;
  for (const Release& release : releases) {
    const auto svn = release.platforms.at(platform).minimum_uvm_svn;
    if (svn) least = std::min(*svn, least.value_or(*svn));
  }
  if (!least) return;
  if (!policy.azure.uvm) policy.azure.uvm = policy::default_uvm();
  // A floor of the policy's own is never lowered.
  policy.azure.uvm->minimum_svn = std::max(policy.azure.uvm->minimum_svn, *least);
}

}  // namespace

Result<Policy> expect(const std::vector<Release>& releases, const std::string& asked, const Policy* demands) {
  if (releases.empty()) return fail(ErrorKind::usage, "no release was given");
  auto platform = choose(releases, asked);
  if (!platform) return base::pass_on(platform);
  const Promised promised = collect(releases, *platform);
  Policy out = demands != nullptr ? *demands : beginning(*platform);
  expect_uvm(releases, *platform, out);
  // Nobody else's word is taken for the measurement where the endorsement vouches for it, and an empty list is no demand.
  if (out.azure.uvm && !promised.measurements && out.sev_snp.measurements && out.sev_snp.measurements->empty()) {
    out.sev_snp.measurements.reset();
  }
  auto done = narrow(out.sev_snp.measurements, promised.measurements, "sev_snp.measurements");
  if (done) done = narrow(out.sev_snp.host_data, promised.host_data, "sev_snp.host_data");
  if (done) done = narrow(out.manifest.model_sha256, promised.model, "manifest.model_sha256");
  if (done) done = narrow(out.manifest.software_versions, promised.versions, "manifest.software_versions");
  if (done) done = narrow(out.manifest.isolation_postures, promised.postures, "manifest.isolation_postures");
  if (done) done = narrow(out.manifest.isolation_policies, promised.specifications, "manifest.isolation_policies");
  if (done) done = expect_pcrs(releases, *platform, out);
  if (!done) return base::pass_on(done);
  // The starting points leave the model to be filled in; a release without one serves none.
  if (!promised.model && out.manifest.model_sha256 && out.manifest.model_sha256->empty()) {
    out.manifest.model_sha256.reset();
  }
  out.no_expected_software = false;
  return out;
}

}  // namespace blindbox::release
