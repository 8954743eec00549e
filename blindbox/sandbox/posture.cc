// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/posture.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "blindbox/sandbox/steps.h"

namespace blindbox::sandbox {
namespace {

constexpr std::array kFiltered = {step::kCapabilities, step::kNoNewPrivileges, step::kSeccomp};
constexpr std::array kNamespaces = {step::kNetworkNamespace, step::kMountNamespace, step::kIpcNamespace,
                                    step::kUtsNamespace,     step::kPidNamespace,   step::kWritable};
constexpr std::array kConfined = {step::kRoot, step::kDevices, step::kProc, step::kControlGroups};

template <std::size_t N>
void collect(const std::vector<Step>& steps, const std::array<std::string_view, N>& needed, std::string& missing) {
  for (const std::string_view name : needed) {
    if (granted(steps, name)) continue;
    const Step* const tried = find(steps, name);
    if (!missing.empty()) missing += "; ";
    missing += std::string(name) + ": " + (tried == nullptr ? "not tried" : tried->detail);
  }
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::granted: return "granted";
    case Outcome::denied: return "denied";
    case Outcome::not_needed: return "not_needed";
  }
  return "denied";
}

std::string to_json(const Posture& posture) {
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  for (const Step& step : posture.steps) {
    steps.push_back({{"name", step.name}, {"outcome", outcome_name(step.outcome)}, {"detail", step.detail}});
  }
  const nlohmann::ordered_json line = {{"tier", specification::tier_name(posture.tier)}, {"steps", std::move(steps)}};
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

const Step* find(const std::vector<Step>& steps, std::string_view name) {
  const auto at = std::find_if(steps.begin(), steps.end(), [name](const Step& step) { return step.name == name; });
  return at == steps.end() ? nullptr : &*at;
}

bool granted(const std::vector<Step>& steps, std::string_view name) {
  const Step* const step = find(steps, name);
  return step != nullptr && step->outcome == Outcome::granted;
}

std::string missing_for(const std::vector<Step>& steps, Tier tier) {
  std::string missing;
  collect(steps, kFiltered, missing);
  // Either keeps the application from writing to the image, and from devices.
  const bool own_files = granted(steps, step::kRoot) && granted(steps, step::kDevices);
  if (!granted(steps, step::kLandlock) && !own_files) collect(steps, std::array{step::kLandlock, step::kRoot}, missing);
  // Without a network of its own, somebody who took the port first would be served as the application.
  const Step* const port = find(steps, step::kPort);
  if (port == nullptr || port->outcome == Outcome::denied) collect(steps, std::array{step::kPort}, missing);
  if (tier == Tier::filtered) return missing;
  collect(steps, kNamespaces, missing);
  if (tier == Tier::confined) collect(steps, kConfined, missing);
  return missing;
}

std::optional<Tier> tier_of(const std::vector<Step>& steps) {
  for (const Tier tier : {Tier::confined, Tier::namespaces, Tier::filtered}) {
    if (missing_for(steps, tier).empty()) return tier;
  }
  return std::nullopt;
}

}  // namespace blindbox::sandbox
