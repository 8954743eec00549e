// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "blindbox/base/json_watch.h"
#include "blindbox/deploy/internal/judge.h"

namespace blindbox::deploy {
namespace {

using base::fail;
using internal::json;
using internal::SeenGroup;

constexpr int kMaxDepth = 64;

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && text[first] == '{';
}

Result<std::vector<SeenGroup>> groups_of(std::string_view text, const std::string& name) {
  if (text.size() > kTemplateCap) return fail(ErrorKind::limit, name + " is larger than 4 MiB");
  if (!looks_like_json(text)) return internal::groups_of_kubernetes(text, name);
  base::JsonWatch watch(kMaxDepth);
  const json root = json::parse(text, std::ref(watch), false, true);  // ARM takes comments
  if (watch.key_twice()) return fail(ErrorKind::malformed, name + " has a member twice");
  if (watch.too_deep()) return fail(ErrorKind::malformed, name + " is nested too deeply");
  if (root.is_discarded()) {
    return fail(ErrorKind::malformed, name + " is no JSON");
  }
  // Kubernetes takes JSON too, and YAML's reader takes that.
  if (root.contains("kind") && root.contains("apiVersion")) return internal::groups_of_kubernetes(text, name);
  return internal::groups_of_arm(root, name);
}

}  // namespace

const char* level_name(Remark::Level level) {
  switch (level) {
    case Remark::Level::error: return "error";
    case Remark::Level::warning: return "warning";
    case Remark::Level::note: return "note";
  }
  return "";
}

Result<std::vector<Remark>> lint(std::string_view text, const std::string& name,
                                 const std::optional<ExpectedImage>& image) {
  auto groups = groups_of(text, name);
  // Of a chart, before Helm has filled it in. Manifests may hold such braces too, in texts.
  if (!groups && groups.error().kind == ErrorKind::malformed && text.find("{{") != std::string_view::npos) {
    return fail(ErrorKind::malformed, name + " holds a template's {{ }}, which nobody has filled in",
                groups.error().what,
                "run \"helm template CHART --values YOURS > manifests.yaml\", and lint manifests.yaml");
  }
  if (!groups) return base::pass_on(groups);
  for (const SeenGroup& group : *groups) {
    if (group.containers.size() <= internal::kMostContainers) continue;
    return fail(ErrorKind::limit, group.where + " has more than 256 containers");
  }
  if (groups->empty()) {
    return fail(ErrorKind::usage, name + " runs no container", "",
                "an ARM template with a container group, or Kubernetes manifests with pods");
  }
  std::vector<Remark> out;
  std::size_t compared = 0;
  for (const SeenGroup& group : *groups) {
    if (auto judged = internal::judge(group, image, compared, out); !judged) return base::pass_on(judged);
  }
  return out;
}

std::vector<Remark> lint_policy_file(std::string_view policy, std::string_view text, const std::string& name) {
  const auto groups = groups_of(text, name);
  if (!groups) return {};
  const std::string encoded = base::to_base64(base::view(policy));
  for (const SeenGroup& group : *groups) {
    if (!group.policy || *group.policy == encoded) return {};
  }
  if (groups->empty()) return {};
  return {{Remark::Level::error, "container-policy.rego", "it is not the policy that " + name + " holds",
           "Bicep and Terraform would deploy another than ARM: run \"blindbox deploy\" again"}};
}

}  // namespace blindbox::deploy
