// SPDX-License-Identifier: Apache-2.0
// Plain manifests, for whoever does without Helm; the chart renders the same (tests/deploy compares them). Texts are
// written as JSON's strings, which YAML takes.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "blindbox/deploy/container.h"
#include "blindbox/deploy/deployment.h"
#include "blindbox/deploy/internal/chart.h"

namespace blindbox::deploy {
namespace {

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

std::string labels(const Deployment& from, int indent) {
  return fmt::format("{:{}}app.kubernetes.io/name: {}\n", "", indent, from.name);
}

std::string service(const Deployment& from) {
  return fmt::format(R"(apiVersion: v1
kind: Service
metadata:
  name: {0}
  labels:
{1}spec:
  # Layer 4: TLS ends in the enclave and nowhere before it.
  type: LoadBalancer
  selector:
{1}  ports:
    - name: attested-tls
      protocol: TCP
      port: {2}
      targetPort: {2}
)",
                     from.name, labels(from, 4), from.specification.tls_port);
}

std::string annotations(const Deployment& from, Cluster cluster) {
  if (cluster == Cluster::virtual_nodes) {
    return fmt::format("      annotations:\n        microsoft.containerinstance.virtualnode.ccepolicy: {}\n",
                       base::to_base64(base::view(from.policy)));
  }
  if (cluster == Cluster::confidential) {
    return fmt::format("      annotations:\n        io.katacontainers.config.hypervisor.cc_init_data: {}\n",
                       initdata_annotation(from.initdata).value_or(""));
  }
  return "";
}

std::string placement(const Deployment& from, Cluster cluster) {
  if (cluster == Cluster::virtual_nodes) {
    return R"(      nodeSelector:
        virtualization: virtualnode2
      tolerations:
        - key: virtual-kubelet.io/provider
          operator: Exists
          effect: NoSchedule
)";
  }
  if (cluster == Cluster::confidential) return "      runtimeClassName: " + from.runtime_class + "\n";
  return "";
}

// Kubelet puts a variable's value in $(NAME)'s place, and one $ in that of two.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out.append(c == '$' ? 2 : 1, c);
  return out;
}

std::string environment(const Deployment& from) {
  std::string out;
  for (const auto& [name, value] : from.environment) {
    out += fmt::format("            - name: {}\n              value: {}\n", quoted(name), quoted(escaped(value)));
  }
  return out.empty() ? out : "          env:\n" + out;
}

std::string security() {
  std::string out =
      "          securityContext:\n            privileged: false\n            allowPrivilegeEscalation: false\n"
      "            capabilities:\n              drop: [ALL]\n              add: [";
  std::string names;
  for (const std::string& capability : init_capabilities()) {
    names += (names.empty() ? "" : ", ") + capability.substr(std::string_view("CAP_").size());
  }
  return out + names + "]\n";
}

std::string deployment_of(const Deployment& from, Cluster cluster) {
  return fmt::format(R"(apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
{labels4}spec:
  replicas: {replicas}
  selector:
    matchLabels:
{labels6}  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  template:
    metadata:
      labels:
{labels8}{annotations}    spec:
{placement}      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 40
      containers:
        - name: blindbox
          image: {image}
          command: [{init}]
          ports:
            - name: attested-tls
              protocol: TCP
              containerPort: {port}
{environment}{security}          # The security processor has answered and the application is well. Kubelet asks without verifying anybody:
          # it decides where traffic goes, clients decide whom they trust.
          readinessProbe:
            httpGet:
              scheme: HTTPS
              path: {ready}
              port: {port}
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 3
          resources:
            requests:
              cpu: {cpu}
              memory: {memory}Gi
            limits:
              cpu: {cpu}
              memory: {memory}Gi
)",
                     fmt::arg("name", from.name), fmt::arg("labels4", labels(from, 4)),
                     fmt::arg("labels6", labels(from, 6)), fmt::arg("labels8", labels(from, 8)),
                     fmt::arg("replicas", from.replicas), fmt::arg("annotations", annotations(from, cluster)),
                     fmt::arg("placement", placement(from, cluster)), fmt::arg("image", quoted(from.image)),
                     fmt::arg("init", quoted(std::string(specification::kInitPath))),
                     fmt::arg("port", from.specification.tls_port), fmt::arg("environment", environment(from)),
                     fmt::arg("security", security()), fmt::arg("ready", internal::kReadyPath),
                     fmt::arg("cpu", from.cpu), fmt::arg("memory", from.memory_gib));
}

std::string disruption_budget(const Deployment& from) {
  return fmt::format(R"(apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {0}
  labels:
{1}spec:
  maxUnavailable: 1
  selector:
    matchLabels:
{2})",
                     from.name, labels(from, 4), labels(from, 6));
}

// The address and its length as a prefix; empty for a name.
std::string block_of(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (::inet_pton(AF_INET, host.c_str(), address.data()) == 1) return host + "/32";
  if (::inet_pton(AF_INET6, host.c_str(), address.data()) == 1) return host + "/128";
  return "";
}

// A NetworkPolicy knows addresses and no names: for a name its port is open to all but the machines of the cluster's
// provider, and the egress proxy in the enclave is what holds to names.
std::string egress_rules(const Deployment& from) {
  std::string out;
  std::vector<std::uint16_t> ports;  // each once, in the order of the chart
  for (const auto& entry : from.specification.egress) {
    const std::string block = block_of(entry.host);
    if (block.empty()) {
      if (std::ranges::find(ports, entry.port) == ports.end()) ports.push_back(entry.port);
      continue;
    }
    out += fmt::format(
        "    - to:\n        - ipBlock:\n            cidr: {}\n      ports:\n        - protocol: TCP\n"
        "          port: {}\n",
        quoted(block), entry.port);
  }
  for (const std::uint16_t port : ports) {
    out += fmt::format(
        "    - to:\n        - ipBlock:\n            cidr: 0.0.0.0/0\n            except: [169.254.0.0/16]\n"
        "      ports:\n        - protocol: TCP\n          port: {}\n",
        port);
  }
  if (!ports.empty()) {
    out += "    - ports:\n        - protocol: UDP\n          port: 53\n        - protocol: TCP\n          port: 53\n";
  }
  return out.empty() ? "  egress: []\n" : "  egress:\n" + out;
}

std::string network_policy(const Deployment& from) {
  return fmt::format(R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {0}
  labels:
{1}spec:
  podSelector:
    matchLabels:
{2}  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - protocol: TCP
          port: {3}
{4})",
                     from.name, labels(from, 4), labels(from, 6), from.specification.tls_port, egress_rules(from));
}

const char* platform_name(Cluster cluster) {
  switch (cluster) {
    case Cluster::plain: return "plain";
    case Cluster::virtual_nodes: return "virtual-nodes";
    case Cluster::confidential: return "confidential";
  }
  return "plain";
}

std::string values(const Deployment& from, Cluster cluster) {
  const bool names = cluster == Cluster::confidential;
  const std::string initdata = names ? initdata_annotation(from.initdata).value_or("") : "";
  const std::string policy =
      cluster == Cluster::virtual_nodes ? base::to_base64(base::view(from.policy)) : std::string();
  std::string out = fmt::format(
      R"(# What "blindbox deploy" measured: image and policy belong together, and a change of one alone stops at the enclave.
platform: {}  # plain, virtual-nodes, confidential
image: {}
ccePolicy: {}
initdata: {}
runtimeClassName: {}
tlsPort: {}
replicas: {}
cpu: {}
memoryGiB: {}
service:
  type: LoadBalancer
# Pods by how full the queues are (/metrics, docs/api.md), which needs an adapter that serves the server's metric to Kubernetes.
autoscaling:
  enabled: false
  maxReplicas: {}
  metric: blindbox_queue_used_ratio
  target: 250m
)",
      platform_name(cluster), quoted(from.image), quoted(policy), quoted(initdata),
      quoted(names ? from.runtime_class : ""), from.specification.tls_port, from.replicas, from.cpu, from.memory_gib,
      std::max(std::uint64_t{8}, std::uint64_t{4} * from.replicas));
  out += from.environment.empty() ? "environment: {}\n" : "environment:\n";
  for (const auto& [name, value] : from.environment) out += fmt::format("  {}: {}\n", quoted(name), quoted(value));
  out += from.specification.egress.empty() ? "egress: []\n" : "egress:\n";
  for (const auto& entry : from.specification.egress) {
    out += fmt::format("  - host: {}\n    block: {}\n    port: {}\n", quoted(entry.host), quoted(block_of(entry.host)),
                       entry.port);
  }
  return out;
}

}  // namespace

std::vector<File> render_kubernetes(const Deployment& deployment, Cluster cluster) {
  const std::string separator = "---\n";
  std::vector<File> out = {{"kubernetes.yaml", service(deployment) + separator + deployment_of(deployment, cluster) +
                                                   separator + disruption_budget(deployment) + separator +
                                                   network_policy(deployment)}};
  for (File& file : internal::chart_files(deployment.name)) out.push_back(std::move(file));
  out.push_back({"helm/values.yaml", values(deployment, cluster)});
  return out;
}

}  // namespace blindbox::deploy
