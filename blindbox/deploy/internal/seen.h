// SPDX-License-Identifier: Apache-2.0
// What templates of both languages ask for, in one form, and what a container policy takes.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::deploy::internal {

using nlohmann::json;

struct SeenContainer {
  std::string where;
  std::string image;
  std::optional<std::vector<std::string>> command;                // absent: the image's own
  std::map<std::string, std::optional<std::string>> environment;  // no value: one that is not in the file
  std::vector<std::string> mounts;
  bool privileged = false;
  std::optional<bool> escalation;  // allowPrivilegeEscalation
  bool exec_probe = false;
};

struct SeenGroup {
  enum class Kind { container_instances, virtual_node, confidential_containers, plain };
  Kind kind = Kind::container_instances;
  std::string where;
  std::string sku;
  std::optional<std::string> policy;  // base64
  bool initdata = false;
  bool password = false;  // a registry's, in the file
  bool identity = false;
  std::vector<std::string> public_ports;  // "TCP 8443"
  std::vector<SeenContainer> containers;
};

[[nodiscard]] Result<std::vector<SeenGroup>> groups_of_arm(const json& root, const std::string& name);
[[nodiscard]] Result<std::vector<SeenGroup>> groups_of_kubernetes(std::string_view text, const std::string& name);

// Azure takes 60 containers a group; more entries than that are judged by nobody.
inline constexpr std::size_t kMostContainers = 256;

struct RegoContainer {
  std::optional<std::vector<std::string>> command;
  std::vector<std::pair<std::string, std::string>> rules;  // strategy, pattern
  std::vector<std::string> layers;
  std::vector<std::string> mounts;  // destinations
  bool elevated = false, stdio = false, no_new_privileges = false, processes = false, pause = false;
};
struct Rego {
  std::vector<RegoContainer> containers;
  bool fragments = false, drops_variables = false;
  std::vector<std::string> open;   // switches that are on and should not be
  std::vector<std::string> extra;  // statements that no policy of Azure's tool has, as they begin; a few at most
};
// As Azure's tool and we write it; another layout of the same policy is ErrorKind::malformed. ErrorKind::limit for more
// containers than a group can have.
[[nodiscard]] Result<Rego> read_rego(std::string_view text);

// Whether "NAME=value" is what the rule takes; without a value, whether some value could be. nullopt where the pattern is
// beyond what is read here.
[[nodiscard]] std::optional<bool> matches(const std::pair<std::string, std::string>& rule, const std::string& name,
                                          const std::optional<std::string>& value);

// Lenient readers: templates are other people's, and a member of another type is one that is not there.
[[nodiscard]] inline const json& at(const json& object, const char* name) {
  static const json none;
  return object.is_object() && object.contains(name) ? object.at(name) : none;
}
[[nodiscard]] inline std::string text_at(const json& object, const char* name) {
  const json& value = at(object, name);
  return value.is_string() ? value.get<std::string>() : "";
}

}  // namespace blindbox::deploy::internal
