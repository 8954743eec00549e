// SPDX-License-Identifier: Apache-2.0
// What keeps a confidential deployment from starting, or makes it less than it seems, seen before anything is asked of a
// cloud: an enclave that refuses its container tells the operator next to nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/deploy/deployment.h"

namespace blindbox::deploy {

inline constexpr std::size_t kTemplateCap = std::size_t{4} << 20;  // bytes, ARM's own

struct Remark {
  // error: it will not start, or protects nobody; warning: weaker than it could be; note: could not be judged.
  enum class Level { error, warning, note };
  Level level = Level::error;
  std::string where;  // "template.json: group: containers[0].image"
  std::string what;
  std::string mend;
};
[[nodiscard]] const char* level_name(Remark::Level level);

// What the image is by measurement, to compare policies with.
struct ExpectedImage {
  std::string digest;                // "sha256:..."
  std::vector<base::Sha256> layers;  // dm-verity root hashes, bottom first
};

// An ARM template (JSON) or Kubernetes manifests (YAML, several documents). ErrorKind::malformed where it is neither,
// ErrorKind::limit past the cap, 64 groups, 256 containers in one or 100,000 comparisons; ErrorKind::usage where nothing in it runs a container.
[[nodiscard]] Result<std::vector<Remark>> lint(std::string_view text, const std::string& name,
                                               const std::optional<ExpectedImage>& image);

// A container policy that lies beside a template, for languages that load it from there: must be the template's own.
[[nodiscard]] std::vector<Remark> lint_policy_file(std::string_view policy, std::string_view text,
                                                   const std::string& name);

}  // namespace blindbox::deploy
