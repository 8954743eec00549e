// SPDX-License-Identifier: Apache-2.0
// What the kernel granted of a sandbox, step by step. Tiers are earned: each names the steps that it needs, and the
// strongest whose steps were all granted is the one that is attested.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "blindbox/specification/specification.h"

namespace blindbox::sandbox {

using specification::Tier;

enum class Outcome {
  granted,
  denied,      // by the kernel or by the container around us; detail says by which call and why
  not_needed,  // another step does its work, or nobody asked for it
};

struct Step {
  std::string name;  // one of the constants in steps.h
  Outcome outcome = Outcome::denied;
  std::string detail;
  bool operator==(const Step&) const = default;
};

struct Posture {
  Tier tier = Tier::filtered;
  std::vector<Step> steps;  // in the order in which they were tried
};

[[nodiscard]] std::string_view outcome_name(Outcome outcome);

// One line of JSON for logs: {"tier":"namespaces","steps":[{"name":...,"outcome":...,"detail":...},...]}.
[[nodiscard]] std::string to_json(const Posture& posture);

}  // namespace blindbox::sandbox
