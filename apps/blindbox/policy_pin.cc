// SPDX-License-Identifier: Apache-2.0
#include "policy_pin.h"

#include <fmt/format.h>

#include <algorithm>

#include "blindbox/base/file.h"
#include "blindbox/evidence/manifest.h"
#include "blindbox/policy/difference.h"
#include "blindbox/policy/starting_point.h"
#include "command.h"

namespace blindbox::apps {
namespace {

using policy::Policy;

// What pinning fills in is not asked about before; everything else is.
Policy without_pins(Policy policy) {
  policy.sev_snp.measurements.reset();
  policy.sev_snp.host_data.reset();
  policy.azure.vm.reset();
  policy.manifest = {};
  policy.no_expected_software = !policy.azure.uvm;
  return policy;
}

// What the evidence says must be its own verified claims: parsing cannot fail after an accepting verdict.
Result<evidence::sev_snp::UnverifiedReport> report_of(const evidence::Evidence& evidence) {
  return evidence::sev_snp::parse_report(evidence.report);
}

template <typename Value>
void add(std::optional<std::vector<Value>>& list, const Value& value) {
  if (!list) list.emplace();
  if (std::find(list->begin(), list->end(), value) == list->end()) list->push_back(value);
}

void pin_software(Policy& policy, const evidence::sev_snp::UnverifiedReport& report,
                  const evidence::Evidence& evidence) {
  // Where Microsoft's endorsement takes the place of measurements, a listed one would end that.
  if (policy.sev_snp.measurements) add(policy.sev_snp.measurements, report.measurement);
  if (policy.sev_snp.host_data || !base::all_zero(report.host_data)) add(policy.sev_snp.host_data, report.host_data);
  if (!evidence.azure_vm || !policy.azure.vm) return;
  for (auto& [index, value] : policy.azure.vm->pcrs) {
    const auto held = evidence.azure_vm->pcrs.find({evidence::azure_vm::kTpmAlgSha256, index});
    if (held != evidence.azure_vm->pcrs.end() && held->second.size() == value.size()) {
      std::ranges::copy(held->second, value.begin());
    }
  }
}

Result<void> pin_manifest(Policy& policy, const Bytes& manifest) {
  if (manifest.empty()) return {};
  auto service = evidence::decode_manifest(manifest);
  if (!service) return base::pass_on(service);
  add(policy.manifest.model_sha256, service->model.sha256);
  add(policy.manifest.software_versions, service->software.version);
  add(policy.manifest.isolation_postures, service->isolation.posture);
  add(policy.manifest.isolation_policies, service->isolation.policy_sha256);
  return {};
}

policy::Platform platform_of(const evidence::Evidence& evidence) {
  if (evidence.azure_vm) return policy::Platform::azure_vm;
  return evidence.uvm_endorsement.empty() ? policy::Platform::sev_snp : policy::Platform::azure_aci;
}

bool asks_for_manifest(const policy::ManifestPolicy& manifest) { return manifest != policy::ManifestPolicy{}; }

int refuse(const VerifyOutcome& outcome) {
  const int status = print_outcome(outcome, {});
  fmt::print(stderr, "blindbox: hint: nothing was pinned, because evidence is accepted first\n");
  return status;
}

int put(const PinOptions& options, const Policy& before, const Policy& after) {
  const std::string text = policy::write_policy(after);
  std::string old = policy::write_policy(before);
  if (options.policy) {  // the file itself, so that its own comments are seen to go
    auto file = base::read_file(*options.policy, policy::kPolicyCap);
    if (!file) return report(file.error());
    old = base::as_text(*file);
  }
  const std::string changes = policy::difference(old, text);
  fmt::print(stderr, "{}", changes.empty() ? "blindbox: hint: the policy says all of it already\n" : changes);
  if (!options.write) {
    fmt::print("{}", text);
    return 0;
  }
  if (changes.empty()) return 0;
  auto written = base::write_file(*options.policy, base::view(text));
  return written ? 0 : report(written.error());
}

}  // namespace

int pin(const PinOptions& options) {
  if (options.write && !options.policy) {
    return report({ErrorKind::usage, "--write needs --policy: the file to write into", "", ""});
  }
  auto given = options.policy ? load_policy(*options.policy) : Result<Policy>(policy::safe_defaults());
  if (!given) return report(given.error());
  auto outcome = verify_sources(options.source, without_pins(*given));
  if (!outcome) return report(outcome.error());
  if (outcome->error || !outcome->verdict || !outcome->verdict->accepted()) return refuse(*outcome);
  auto claims = report_of(outcome->evidence);
  if (!claims) return report(claims.error());
  Policy before = options.policy ? *given : policy::starting_point(platform_of(outcome->evidence));
  // Evidence of something else than a BlindBox comes without a manifest: no policy for it can ask for one.
  if (!options.policy && outcome->manifest.empty()) before.manifest = {};
  if (asks_for_manifest(before.manifest) && outcome->manifest.empty()) {
    return report({ErrorKind::not_acceptable,
                   "the policy asks for a service manifest, and this evidence comes without one", *options.policy,
                   "pin from the running server, or take the section manifest out where the software is no BlindBox; "
                   "nothing was pinned"});
  }
  Policy after = before;
  pin_software(after, *claims, outcome->evidence);
  if (auto pinned = pin_manifest(after, outcome->manifest); !pinned) return report(pinned.error());
  // The pinned policy judges the evidence once more, whole: PCRs are believed only where a quote covers them, and a
  // floor that the evidence does not reach is said now.
  auto judged = verify_sources(options.source, after);
  if (!judged) return report(judged.error());
  if (judged->error || !judged->verdict || !judged->verdict->accepted()) return refuse(*judged);
  return put(options, before, after);
}

}  // namespace blindbox::apps
