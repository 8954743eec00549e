// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/internal/seen.h"
#include "blindbox/yaml/yaml.h"

namespace blindbox::deploy::internal {
namespace {

constexpr std::size_t kMostDocuments = 256;
constexpr std::size_t kMaxDepth = 32;

// Scalars without quotes may be no texts; only true and false matter here.
json to_json(const yaml::Tree& tree) {
  using Kind = yaml::Tree::Kind;
  if (tree.kind == Kind::scalar) {
    if (tree.plain && (tree.text == "true" || tree.text == "false")) return tree.text == "true";
    return tree.text;
  }
  if (tree.kind == Kind::null) return nullptr;
  json out = tree.kind == Kind::map ? json::object() : json::array();
  for (std::size_t i = 0; i < tree.children.size(); ++i) {
    if (tree.kind == Kind::sequence) {
      out.push_back(to_json(tree.children[i]));
    } else if (i % 2 == 1) {
      out[tree.children[i - 1].text] = to_json(tree.children[i]);
    }
  }
  return out;
}

std::vector<std::string> documents(std::string_view text) {
  std::vector<std::string> out(1);
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);  // written on Windows
    if (line == "---" || line.starts_with("--- ")) {
      out.emplace_back();
    } else {
      out.back() += std::string(line) + "\n";
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

bool is_empty(std::string_view document) {
  while (!document.empty()) {
    const auto end = document.find('\n');
    const auto first = document.find_first_not_of(" \t\r");
    if (first < end && document[first] != '#') return false;
    document.remove_prefix(end == std::string_view::npos ? document.size() : end + 1);
  }
  return true;
}

const json& pod_of(const json& document) {
  const std::string kind = text_at(document, "kind");
  if (kind == "Pod") return document;
  if (kind == "CronJob") return at(at(at(at(document, "spec"), "jobTemplate"), "spec"), "template");
  return at(at(document, "spec"), "template");
}

// Of a chart that reads as YAML all the same: its braces stand where a manifest says what it is, or what runs.
bool is_unfilled(const json& document) {
  const auto braces = [](const json& one) {
    return one.is_string() && one.get_ref<const std::string&>().find("{{") != std::string::npos;
  };
  const json& pod = pod_of(document);
  const json& spec = at(pod, "spec");
  return braces(document) || braces(at(document, "kind")) || braces(at(document, "spec")) || braces(pod) ||
         braces(spec) || braces(at(spec, "containers"));
}

SeenContainer container_of(const json& from) {
  SeenContainer out;
  out.where = text_at(from, "name");
  out.image = text_at(from, "image");
  for (const char* const part : {"command", "args"}) {
    const json& words = at(from, part);
    if (!words.is_array() || words.empty()) continue;
    // "args" alone go to the image's own entrypoint, which is not in this file.
    if (!out.command && std::string_view(part) == "args") continue;
    if (!out.command) out.command.emplace();
    for (const json& word : words) out.command->push_back(word.is_string() ? word.get<std::string>() : word.dump());
  }
  if (const json& variables = at(from, "env"); variables.is_array()) {
    for (const json& variable : variables) {
      const json& value = at(variable, "value");
      out.environment[text_at(variable, "name")] =
          value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
    }
  }
  if (const json& mounts = at(from, "volumeMounts"); mounts.is_array()) {
    for (const json& mount : mounts) out.mounts.push_back(text_at(mount, "mountPath"));
  }
  const json& security = at(from, "securityContext");
  out.privileged = at(security, "privileged") == true;
  if (at(security, "allowPrivilegeEscalation").is_boolean()) out.escalation = at(security, "allowPrivilegeEscalation");
  for (const char* const probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    out.exec_probe = out.exec_probe || at(at(from, probe), "exec").is_object();
  }
  return out;
}

std::optional<SeenGroup> group_of(const json& document, const std::string& name) {
  const json& pod = pod_of(document);
  const json& spec = at(pod, "spec");
  if (!at(spec, "containers").is_array()) return std::nullopt;
  SeenGroup out;
  out.where = name + ": " + text_at(at(document, "metadata"), "name");
  const json& annotations = at(at(pod, "metadata"), "annotations");
  const json& policy = at(annotations, "microsoft.containerinstance.virtualnode.ccepolicy");
  const std::string runtime = text_at(spec, "runtimeClassName");
  out.kind = SeenGroup::Kind::plain;
  if (runtime.starts_with("kata")) out.kind = SeenGroup::Kind::confidential_containers;
  if (policy.is_string() || text_at(at(spec, "nodeSelector"), "virtualization") == "virtualnode2") {
    out.kind = SeenGroup::Kind::virtual_node;
  }
  if (policy.is_string()) out.policy = policy.get<std::string>();
  out.initdata = !text_at(annotations, "io.katacontainers.config.hypervisor.cc_init_data").empty();
  for (const char* const list : {"containers", "initContainers"}) {
    if (!at(spec, list).is_array()) continue;
    for (const json& container : at(spec, list)) out.containers.push_back(container_of(container));
  }
  return out;
}

}  // namespace

Result<std::vector<SeenGroup>> groups_of_kubernetes(std::string_view text, const std::string& name) {
  std::vector<SeenGroup> out;
  const auto all = documents(text);
  if (all.size() > kMostDocuments) return base::fail(ErrorKind::limit, name + " has more than 256 documents");
  for (const std::string& document : all) {
    if (is_empty(document)) continue;
    auto tree = yaml::load(document, name, ErrorKind::malformed, kMaxDepth);
    if (!tree) return base::pass_on(tree);
    const json read = to_json(*tree);
    if (is_unfilled(read)) return base::fail(ErrorKind::malformed, name + " leaves open what it runs");
    const json& items = at(read, "items");  // of kind List
    if (items.is_array()) {
      for (const json& item : items) {
        if (auto group = group_of(item, name)) out.push_back(*std::move(group));
      }
    } else if (auto group = group_of(read, name)) {
      out.push_back(*std::move(group));
    }
  }
  return out;
}

}  // namespace blindbox::deploy::internal
