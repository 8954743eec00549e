// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/container.h"

namespace blindbox::deploy {
namespace {

using measure::EnvironmentRule;
using measure::PolicyMount;

// az confcom, "--virtual-node-yaml": the five files that the virtual node binds into every container.
std::vector<PolicyMount> virtual_node_mounts() {
  std::vector<PolicyMount> out;
  for (const char* const path : {"/etc/resolv.conf", "/var/run/secrets/kubernetes.io/serviceaccount", "/etc/hosts",
                                 "/dev/termination-log", "/etc/hostname"}) {
    const bool account = std::string_view(path).starts_with("/var/run/secrets");
    out.push_back({path, "sandbox:///tmp/atlas/emptydir/.+", "bind", {"rbind", "rshared", account ? "ro" : "rw"}});
  }
  return out;
}

// Kubernetes' own (kubernetes.io, "Service", environment variables); pods with enableServiceLinks: false have few of them.
void add_service_variables(std::vector<EnvironmentRule>& rules) {
  for (const char* const name :
       {"[A-Z0-9_]+_SERVICE_HOST", "[A-Z0-9_]+_SERVICE_PORT", "[A-Z0-9_]+_SERVICE_PORT_[A-Z0-9_]+", "[A-Z0-9_]+_PORT",
        "[A-Z0-9_]+_PORT_[0-9]+_TCP", "[A-Z0-9_]+_PORT_[0-9]+_TCP_PROTO", "[A-Z0-9_]+_PORT_[0-9]+_TCP_PORT",
        "[A-Z0-9_]+_PORT_[0-9]+_TCP_ADDR"}) {
    rules.push_back({std::string(name) + "=.+", "re2", false});
  }
}

}  // namespace

// A user namespace in which user 0 is user 0 takes CAP_SETFCAP (Linux 5.12 on).
std::vector<std::string> init_capabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_KILL",   "CAP_NET_BIND_SERVICE",
          "CAP_SETFCAP", "CAP_SETGID",       "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"};
}

measure::ContainerPolicy container_policy(const specification::Specification& specification,
                                          const std::vector<base::Sha256>& layers, Group group) {
  measure::PolicyContainer container;
  container.name = "blindbox";
  container.command = {std::string(specification::kInitPath)};
  container.environment = measure::platform_environment();
  if (group == Group::virtual_node) add_service_variables(container.environment);
  for (const std::string& name : specification.environment_passed) {
    container.environment.push_back({name + "=.*", "re2", false});
  }
  container.layers = layers;
  container.mounts = group == Group::virtual_node ? virtual_node_mounts() : std::vector{measure::resolver_mount()};
  container.capabilities = init_capabilities();
  container.user = {"0", "id"};
  measure::ContainerPolicy policy;
  policy.containers = {std::move(container), measure::pause_container()};
  // The host asks for Docker's default set; the guest's agent takes away what is not listed above.
  policy.allow_capability_dropping = true;
  return policy;
}

}  // namespace blindbox::deploy
