// SPDX-License-Identifier: Apache-2.0
// The confidential computing enforcement policy of Azure container instances: Rego text, enforced by the guest's agent
// (hcsshim, pkg/securitypolicy, framework 0.2.3), whose SHA-256 the hardware reports as HOST_DATA. A blank more or less
// moves that value, so the text is written exactly as Azure's own tool ("az confcom acipolicygen") lays it out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/digest.h"

namespace blindbox::measure {

// A variable that the host may set. "string" compares, "re2" is found anywhere in NAME=value.
struct EnvironmentRule {
  std::string pattern;
  std::string strategy = "string";
  bool required = false;
};

struct PolicyMount {
  std::string destination;
  std::string source;  // a regular expression
  std::string type = "bind";
  std::vector<std::string> options;
};

struct PolicyUser {
  std::string pattern;           // the uid or name, as strategy reads it
  std::string strategy = "any";  // "any", "id", "name"
};

struct PolicyContainer {
  std::optional<std::string> id;  // the image's name
  std::string name;
  std::optional<std::vector<std::string>> command;  // absent: null, as for an image without any
  std::vector<EnvironmentRule> environment;
  std::vector<base::Sha256> layers;  // dm-verity root hashes, bottom first
  std::vector<PolicyMount> mounts;
  std::vector<std::string> capabilities;  // bounding, effective and permitted; inheritable and ambient stay empty
  PolicyUser user;
  std::string working_directory = "/";
  bool allow_elevated = false;
  bool allow_stdio = false;
  bool no_new_privileges = true;
  std::string seccomp_profile_sha256;  // of the profile that the host must set; empty: none
};

// Containers of somebody else's that may join the group; with it, whoever signs as issuer can run code in the enclave.
struct PolicyFragment {
  std::string feed;
  std::string issuer;  // did:x509
  std::string minimum_svn;
  std::vector<std::string> includes;
};

struct ContainerPolicy {
  std::string api_version = "0.11.0";  // or "0.10.0"
  std::vector<PolicyFragment> fragments;
  std::vector<PolicyContainer> containers;  // the pause container last
  bool allow_properties_access = false;
  bool allow_dump_stacks = false;
  bool allow_runtime_logging = false;
  bool allow_environment_variable_dropping = false;
  bool allow_unencrypted_scratch = false;
  bool allow_capability_dropping = false;
};

// The container that holds the group's name spaces together on Azure; every policy ends with it.
[[nodiscard]] PolicyContainer pause_container();

// What Azure sets in every container, none of it required (az confcom, internal_config.json, "default_envs").
[[nodiscard]] std::vector<EnvironmentRule> platform_environment();
// Where Azure mounts the name servers' addresses.
[[nodiscard]] PolicyMount resolver_mount();
// Docker's default set.
[[nodiscard]] std::vector<std::string> default_capabilities();

[[nodiscard]] std::string write_rego(const ContainerPolicy& policy);

}  // namespace blindbox::measure
