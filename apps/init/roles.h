// SPDX-License-Identifier: Apache-2.0
// The processes that blindbox-init consists of, and how one starts another.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"

namespace blindbox::init {

struct Options {
  std::string platform = "auto";  // as "blindbox serve --platform" takes it
  std::string listen;             // "ADDR:PORT"; empty: every address, and the specification's port
};

// Users of our own processes, where they may choose: nobody else's in any distribution.
inline constexpr uid_t kGatewayUser = 65531;
inline constexpr uid_t kEgressUser = 65532;

// What the egress proxy has for its tunnels once the application is gone: they end with it.
inline constexpr std::chrono::milliseconds kEgressDrain{500};

// Process 1. Returns the container's exit status.
[[nodiscard]] int run_supervisor(const Options& options, const std::vector<std::string>& container_environment);

// The others, each started by init alone; arguments are what follows the role's name.
[[nodiscard]] int run_gateway(const std::vector<std::string>& arguments);
[[nodiscard]] int run_egress(const std::vector<std::string>& arguments);

// Starts this program in a role: with an empty environment, the given descriptors as 3, 4, ..., standard input from
// /dev/null, and an end that comes with ours.
[[nodiscard]] Result<pid_t> start_role(const std::vector<std::string>& arguments, const std::vector<int>& descriptors);

// Prints the error to standard error as "blindbox-init: error: ..."; its exit status.
int report(const Error& error);

}  // namespace blindbox::init
