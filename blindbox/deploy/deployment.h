// SPDX-License-Identifier: Apache-2.0
// What is to run, and the files that say so to a cloud or a cluster. Every file is text that a person reviews; none holds
// a secret.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/result.h"
#include "blindbox/specification/specification.h"

namespace blindbox::deploy {

struct Deployment {
  std::string name = "blindbox";  // of every resource: a DNS label
  std::string image;              // "HOST/REPOSITORY@sha256:..."
  std::string policy;             // the container policy, Rego; empty where the platform has none
  std::string initdata;           // TOML; empty where the platform has none
  specification::Specification specification;
  std::map<std::string, std::string> environment{};  // values of specification.environment_passed
  unsigned cpu = 2;                                  // cores
  unsigned memory_gib = 4;
  unsigned replicas = 2;        // on Kubernetes
  std::string runtime_class{};  // of Confidential Containers
};

struct File {
  std::string path;  // relative, with "/"
  std::string contents;
  bool program = false;  // to be run
};

// ErrorKind::usage for what no cloud takes: a name that is no DNS label, an image without its digest, a variable that the
// specification does not pass on, no cores or memory; ErrorKind::limit for initdata that no pod's annotation holds.
[[nodiscard]] Result<void> check(const Deployment& deployment);

// The host of the image's registry.
[[nodiscard]] std::string registry_of(const Deployment& deployment);

// template.json (ARM), main.bicep, main.tf and container-policy.rego: one confidential container group each.
[[nodiscard]] std::vector<File> render_azure(const Deployment& deployment);

// What a Kubernetes cluster's nodes are.
enum class Cluster {
  plain,          // containers as ever: to try out, and no TEE
  virtual_nodes,  // AKS virtual nodes in front of Azure container instances
  confidential,   // Confidential Containers: a virtual machine a pod
};

// kubernetes.yaml, and a Helm chart below helm/ whose values are these.
[[nodiscard]] std::vector<File> render_kubernetes(const Deployment& deployment, Cluster cluster);

// The runtime classes of Confidential Containers that are known here.
[[nodiscard]] std::vector<std::string> runtime_classes();

// Initdata as the annotation takes it: gzip, without a time, in base64.
[[nodiscard]] Result<std::string> initdata_annotation(const std::string& document);

}  // namespace blindbox::deploy
