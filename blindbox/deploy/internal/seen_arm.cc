// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/internal/seen.h"
#include "blindbox/deploy/lint.h"

namespace blindbox::deploy::internal {
namespace {

constexpr std::size_t kMostGroups = 64;
constexpr std::size_t kLongText = 4096;
constexpr int kMostNested = 4;  // deployments within deployments, as Azure takes them

// "[parameters('image')]" is its default value where it has one; other expressions stay as they are. Texts that begin
// with two brackets mean one.
// A long one stays where it is unless it is the policy: many members may name the same.
json resolved(const json& value, const json& root, std::size_t longest = kLongText) {
  if (!value.is_string()) return value;
  const auto& text = value.get_ref<const std::string&>();
  if (text.starts_with("[[")) return text.substr(1);
  for (const char* const table : {"parameters", "variables"}) {
    const std::string head = std::string("[") + table + "('";
    if (!text.starts_with(head) || !text.ends_with("')]")) continue;
    const std::string name = text.substr(head.size(), text.size() - head.size() - 3);
    const json& entry = at(at(root, table), name.c_str());
    const json& known = std::string_view(table) == "variables" ? entry : at(entry, "defaultValue");
    const bool is_long = known.is_string() && known.get_ref<const std::string&>().size() > longest;
    if (known.is_primitive() && !known.is_null() && !is_long) return known;
  }
  return value;
}

std::string text_of(const json& object, const char* name, const json& root) {
  const json value = resolved(at(object, name), root);
  return value.is_string() ? value.get<std::string>() : "";
}

SeenContainer container_of(const json& from, const json& root) {
  SeenContainer out;
  const json& properties = at(from, "properties");
  out.where = text_of(from, "name", root);
  out.image = text_of(properties, "image", root);
  if (const json& command = at(properties, "command"); command.is_array() && !command.empty()) {
    out.command.emplace();
    for (const json& item : command) {
      const json word = resolved(item, root);
      out.command->push_back(word.is_string() ? word.get<std::string>() : word.dump());
    }
  }
  if (const json& variables = at(properties, "environmentVariables"); variables.is_array()) {
    for (const json& variable : variables) {
      std::optional<std::string> value;
      const std::string given = text_of(variable, "value", root);
      if (at(variable, "value").is_string() && !given.starts_with("[")) value = given;
      out.environment[text_of(variable, "name", root)] = value;
    }
  }
  if (const json& mounts = at(properties, "volumeMounts"); mounts.is_array()) {
    for (const json& mount : mounts) out.mounts.push_back(text_of(mount, "mountPath", root));
  }
  const json& security = at(properties, "securityContext");
  out.privileged = at(security, "privileged") == true;
  if (at(security, "allowPrivilegeEscalation").is_boolean()) out.escalation = at(security, "allowPrivilegeEscalation");
  for (const char* const probe : {"livenessProbe", "readinessProbe"}) {
    out.exec_probe = out.exec_probe || at(at(properties, probe), "exec").is_object();
  }
  return out;
}

SeenGroup group_of(const json& from, const json& root, const std::string& name) {
  SeenGroup out;
  const json& properties = at(from, "properties");
  out.where = name + ": " + text_of(from, "name", root);
  out.sku = text_of(properties, "sku", root);
  if (const json& policy = at(at(properties, "confidentialComputeProperties"), "ccePolicy"); policy.is_string()) {
    const json value = resolved(policy, root, kTemplateCap);
    out.policy = value.is_string() ? value.get<std::string>() : "";
  }
  if (const json& credentials = at(properties, "imageRegistryCredentials"); credentials.is_array()) {
    for (const json& credential : credentials) out.password = out.password || credential.contains("password");
  }
  out.identity = at(from, "identity").is_object();
  const json& address = at(properties, "ipAddress");
  if (const json& ports = at(address, "ports"); ports.is_array() && text_at(address, "type") != "Private") {
    for (const json& port : ports) {
      const std::string protocol = text_of(port, "protocol", root);
      out.public_ports.push_back((protocol.empty() ? "TCP" : protocol) + " " + resolved(at(port, "port"), root).dump());
    }
  }
  for (const char* const list : {"containers", "initContainers"}) {
    const json& containers = at(properties, list);
    if (!containers.is_array()) continue;
    for (const json& container : containers) out.containers.push_back(container_of(container, root));
  }
  return out;
}

void collect(const json& root, const std::string& name, int depth, std::vector<SeenGroup>& out) {
  const json& resources = at(root, "resources");
  // A list, or since language version 2.0 an object of names: items of both are iterated alike.
  if (!resources.is_structured()) return;
  for (const json& resource : resources) {
    const json& type = at(resource, "type");
    if (!type.is_string() || out.size() > kMostGroups) continue;
    std::string lower = type.get<std::string>();
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool profile = lower == "microsoft.containerinstance/containergroupprofiles";
    if (profile || lower == "microsoft.containerinstance/containergroups")
      out.push_back(group_of(resource, root, name));
    if (lower == "microsoft.resources/deployments" && depth > 0) {
      collect(at(at(resource, "properties"), "template"), name, depth - 1, out);
    }
  }
}

}  // namespace

Result<std::vector<SeenGroup>> groups_of_arm(const json& root, const std::string& name) {
  std::vector<SeenGroup> out;
  collect(root, name, kMostNested, out);
  // Those beyond would pass unread.
  if (out.size() > kMostGroups) return base::fail(ErrorKind::limit, name + " has more than 64 container groups");
  return out;
}

}  // namespace blindbox::deploy::internal
