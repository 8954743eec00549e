// SPDX-License-Identifier: Apache-2.0
// What an OCI runtime needs to run a wrapped image on this machine: config.json
// (OCI runtime specification 1.0.2) with the rights that a container has on
// Azure, which are Docker's defaults without a seccomp profile.
#pragma once

#include <string>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::apps {

struct BundleOptions {
  std::vector<std::string> arguments;    // of blindbox-init
  std::vector<std::string> environment;  // "NAME=value"
  std::string emulator;                  // a folder of this machine ...
  std::string emulator_inside;           // ... and where the container finds it
  std::string hostname;
  std::string hosts;  // a file of this machine that the container finds as /etc/hosts; "": none
  unsigned user = 0;  // who starts it; another than root gets a user name space
                      // with itself as its root
  unsigned group = 0;
};

// The container shares this machine's network, so that clients reach its port;
// everything else is its own.
[[nodiscard]] std::string runtime_config(const BundleOptions& options);

}  // namespace blindbox::apps
