// SPDX-License-Identifier: Apache-2.0
// Does the server run the model, the software and the isolation that the data owner accepts? The manifest is the
// server's own word, which counts because the binder in REPORT_DATA covers it and the measured software writes it.
#include <algorithm>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::ServiceManifest;
using internal::answer;
using internal::Answer;
using internal::AppraiseContext;

constexpr std::string_view kClause = "docs/protocol.md, service manifest";

const std::string& show(const std::string& value) { return value; }
std::string show(const base::Sha256& value) { return base::to_hex(value); }

// The text of whatever keeps the manifest from being read.
std::string absence(const AppraiseContext& context) {
  if (!context.manifest) return "no service manifest";
  const Error& error = context.manifest->error();
  return error.detail.empty() ? error.what : error.what + ": " + error.detail;
}

template <typename Value, typename Get>
Answer one_of(const AppraiseContext& context, const std::optional<std::vector<Value>>& accepted, Get get) {
  const bool readable = context.manifest && context.manifest->has_value();
  if (!accepted) return internal::not_requested("any", readable ? show(get(**context.manifest)) : absence(context));
  std::string expected;
  for (const Value& value : *accepted) expected += (expected.empty() ? "" : " or ") + show(value);
  if (expected.empty()) expected = "nothing: the policy's list is empty";
  if (!readable) return answer(false, expected, absence(context));
  const Value& found = get(**context.manifest);
  const bool known = std::find(accepted->begin(), accepted->end(), found) != accepted->end();
  return answer(known, expected, show(found));
}

Answer judge_format(const AppraiseContext& context) {
  const std::string expected = "canonical JSON of " + std::string(evidence::kManifestSchema);
  if (!context.manifest) return internal::not_requested("none away from a channel", "no service manifest");
  return answer(context.manifest->has_value(), expected, *context.manifest ? "so it is" : absence(context));
}

Answer judge_model(const AppraiseContext& context) {
  return one_of(context, context.policy.manifest.model_sha256,
                [](const ServiceManifest& manifest) -> const base::Sha256& { return manifest.model.sha256; });
}

Answer judge_software(const AppraiseContext& context) {
  return one_of(context, context.policy.manifest.software_versions,
                [](const ServiceManifest& manifest) -> const std::string& { return manifest.software.version; });
}

Answer judge_isolation(const AppraiseContext& context) {
  return one_of(context, context.policy.manifest.isolation_postures,
                [](const ServiceManifest& manifest) -> const std::string& { return manifest.isolation.posture; });
}

Answer judge_isolation_policy(const AppraiseContext& context) {
  return one_of(
      context, context.policy.manifest.isolation_policies,
      [](const ServiceManifest& manifest) -> const base::Sha256& { return manifest.isolation.policy_sha256; });
}

}  // namespace

constinit const AppraiseCheck kManifestFormat{"manifest.format",
                                              "docs/protocol.md, service manifest; RFC 8785",
                                              "the service manifest cannot be read",
                                              "",
                                              &judge_format,
                                              "Refuses a service manifest that could be read in two ways."};
constinit const AppraiseCheck kManifestModel{"manifest.model_sha256",
                                             kClause,
                                             "the model is not in the policy",
                                             "compare manifest.model_sha256 in the policy with the model's file",
                                             &judge_model,
                                             "Refuses other weights than promised, where the policy lists any."};
constinit const AppraiseCheck kManifestSoftware{
    "manifest.software",
    kClause,
    "the software version is not in the policy",
    "",
    &judge_software,
    "Refuses a version with known faults, where the policy lists the good ones."};
constinit const AppraiseCheck kManifestIsolation{
    "manifest.isolation",
    kClause,
    "the isolation posture is not in the policy",
    "",
    &judge_isolation,
    "Refuses an engine that is less confined than promised, where the policy lists postures."};
constinit const AppraiseCheck kManifestIsolationPolicy{
    "manifest.isolation_policy",
    kClause,
    "the isolation policy is not in the policy",
    "\"blindbox inspect\" shows the specification of a wrapped image and its digest",
    &judge_isolation_policy,
    "Refuses an application that may reach, write or print more than promised, where the policy lists specifications."};

}  // namespace blindbox::verifier::checks
