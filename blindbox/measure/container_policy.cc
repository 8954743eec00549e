// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/container_policy.h"

#include <array>
#include <nlohmann/json.hpp>

namespace blindbox::measure {
namespace {

using nlohmann::json;

// Python's json.dumps: ASCII alone, keys in order.
std::string compact(const json& value) { return value.dump(-1, ' ', true, json::error_handler_t::replace); }

json rules(const std::vector<EnvironmentRule>& environment) {
  json out = json::array();
  for (const EnvironmentRule& rule : environment) {
    out.push_back({{"pattern", rule.pattern}, {"required", rule.required}, {"strategy", rule.strategy}});
  }
  return out;
}

json mounts(const std::vector<PolicyMount>& mounts) {
  json out = json::array();
  for (const PolicyMount& mount : mounts) {
    out.push_back({{"destination", mount.destination},
                   {"options", mount.options},
                   {"source", mount.source},
                   {"type", mount.type}});
  }
  return out;
}

json container(const PolicyContainer& from) {
  json layers = json::array();
  for (const base::Sha256& layer : from.layers) layers.push_back(base::to_hex(layer));
  json out = {{"allow_elevated", from.allow_elevated},
              {"allow_stdio_access", from.allow_stdio},
              {"capabilities",
               {{"ambient", json::array()},
                {"bounding", from.capabilities},
                {"effective", from.capabilities},
                {"inheritable", json::array()},
                {"permitted", from.capabilities}}},
              {"command", nullptr},
              {"env_rules", rules(from.environment)},
              {"exec_processes", json::array()},
              {"layers", std::move(layers)},
              {"mounts", mounts(from.mounts)},
              {"name", from.name},
              {"no_new_privileges", from.no_new_privileges},
              {"seccomp_profile_sha256", from.seccomp_profile_sha256},
              {"signals", json::array()},
              {"user",
               {{"group_idnames", json::array({{{"pattern", ""}, {"strategy", "any"}}})},
                {"umask", "0022"},
                {"user_idname", {{"pattern", from.user.pattern}, {"strategy", from.user.strategy}}}}},
              {"working_dir", from.working_directory}};
  if (from.command) out["command"] = *from.command;
  if (from.id) out["id"] = *from.id;
  return out;
}

json fragment(const PolicyFragment& from) {
  return {{"feed", from.feed}, {"includes", from.includes}, {"issuer", from.issuer}, {"minimum_svn", from.minimum_svn}};
}

std::string flag(const char* name, bool value) {
  return std::string(name) + " := " + (value ? "true" : "false") + "\n";
}

constexpr std::array kEnforcementPoints = {
    "mount_device",      "unmount_device", "mount_overlay",      "unmount_overlay",          "create_container",
    "exec_in_container", "exec_external",  "shutdown_container", "signal_container_process", "plan9_mount",
    "plan9_unmount",     "get_properties", "dump_stacks",        "runtime_logging",          "load_fragment",
    "scratch_mount",     "scratch_unmount"};

}  // namespace

std::vector<std::string> default_capabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
          "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
          "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
          "CAP_KILL",    "CAP_AUDIT_WRITE"};
}

PolicyContainer pause_container() {
  PolicyContainer out;
  out.name = "pause-container";
  out.command = {"/pause"};
  out.environment = {{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "string", true},
                     {"TERM=xterm", "string", false}};
  // The same on every host of Azure (az confcom, internal_config.json, "pause container").
  const auto layer = base::from_hex("16b514057a06ad665f92c02863aca074fd5976c755d26bff16365299169e8415").value();
  std::copy(layer.begin(), layer.end(), out.layers.emplace_back().begin());
  out.capabilities = default_capabilities();
  out.allow_stdio = true;
  out.no_new_privileges = false;
  return out;
}

std::vector<EnvironmentRule> platform_environment() {
  return {{"(?i)(FABRIC)_.+=.+", "re2", false},
          {"FabricPackageFileName=.+", "re2", false},
          {"HOSTNAME=.+", "re2", false},
          {"HostedServiceName=.+", "re2", false},
          {"IDENTITY_API_VERSION=.+", "re2", false},
          {"IDENTITY_HEADER=.+", "re2", false},
          {"IDENTITY_SERVER_THUMBPRINT=.+", "re2", false},
          {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "string", false},
          {"T(E)?MP=.+", "re2", false},
          {"TERM=xterm", "string", false},
          {"azurecontainerinstance_restarted_by=.+", "re2", false}};
}

PolicyMount resolver_mount() {
  return {"/etc/resolv.conf", "sandbox:///tmp/atlas/resolvconf/.+", "bind", {"rbind", "rshared", "rw"}};
}

std::string write_rego(const ContainerPolicy& policy) {
  json fragments = json::array();
  for (const PolicyFragment& from : policy.fragments) fragments.push_back(fragment(from));
  json containers = json::array();
  for (const PolicyContainer& from : policy.containers) containers.push_back(container(from));
  std::string out = "package policy\n\nimport future.keywords.every\nimport future.keywords.in\n\n";
  out += "api_version := \"" + policy.api_version + "\"\nframework_version := \"0.2.3\"\n\n";
  // The one value that the tool writes over several lines.
  out += "fragments := " + fragments.dump(2, ' ', true, json::error_handler_t::replace) + "\n\n";
  out += "containers := " + compact(containers) + "\n\n";
  out += flag("allow_properties_access", policy.allow_properties_access);
  out += flag("allow_dump_stacks", policy.allow_dump_stacks);
  out += flag("allow_runtime_logging", policy.allow_runtime_logging);
  out += flag("allow_environment_variable_dropping", policy.allow_environment_variable_dropping);
  out += flag("allow_unencrypted_scratch", policy.allow_unencrypted_scratch);
  out += flag("allow_capability_dropping", policy.allow_capability_dropping);
  out += "\n";
  for (const char* const point : kEnforcementPoints) {
    out += std::string(point) + " := data.framework." + point + "\n";
  }
  // Enforced from this version of the interface on (hcsshim, api.rego).
  if (policy.api_version != "0.10.0") out += "rw_mount_device := data.framework.rw_mount_device\n";
  return out + "\nreason := {\"errors\": data.framework.errors}";
}

}  // namespace blindbox::measure
