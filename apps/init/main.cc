// SPDX-License-Identifier: Apache-2.0
// blindbox-init: process 1 of a wrapped image. Its roles are in roles.h.
#include <fcntl.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "blindbox/probe/inside.h"
#include "roles.h"

namespace {

using blindbox::Error;
using blindbox::ErrorKind;
namespace init = blindbox::init;

// Where a standard stream is closed, the next descriptor takes its number, and messages would go into a connection.
void open_standard_streams() {
  int opened = 0;
  while (opened >= 0 && opened <= 2) opened = ::open("/dev/null", O_RDWR);
  if (opened > 2) ::close(opened);
}

int start(std::vector<std::string> arguments) {
  const std::string role = arguments.empty() ? "" : arguments.front();
  if (role == "inside" && arguments.size() == 2) return blindbox::probe::run_inside(arguments[1]);
  if (role == "gateway" || role == "egress") {
    arguments.erase(arguments.begin());
    return role == "gateway" ? init::run_gateway(arguments) : init::run_egress(arguments);
  }
  init::Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--version") {
      std::printf("blindbox-init %s\n", BLINDBOX_VERSION);
      return 0;
    }
    if (arguments[i] == "--platform" && i + 1 < arguments.size()) {
      options.platform = arguments[++i];
      continue;
    }
    if (arguments[i] == "--listen" && i + 1 < arguments.size()) {
      options.listen = arguments[++i];
      continue;
    }
    return init::report({ErrorKind::usage, "not an argument of blindbox-init: " + arguments[i], "",
                         "the application's command is in the measured specification; only --platform PLATFORM "
                         "and --listen ADDR:PORT may be given when the container starts"});
  }
  std::vector<std::string> environment;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    environment.emplace_back(*variable);
  return init::run_supervisor(options, environment);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);
  spdlog::set_default_logger(spdlog::stderr_logger_st("blindbox-init"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S%z blindbox-init %l %v");
  // Third-party code may throw where memory or descriptors run out: say so instead of aborting.
  try {
    return start({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    return init::report({ErrorKind::internal, error.what(), "", ""});
  }
}
