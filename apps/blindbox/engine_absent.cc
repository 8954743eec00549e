// SPDX-License-Identifier: Apache-2.0
// In place of engine.cc where the build has no completion engine.
#ifndef BLINDBOX_HAS_ENGINE
#include "command.h"
#include "engine_process.h"

namespace blindbox::apps {

void add_engine(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("engine", "internal: started by serve")->group("")->allow_extras();
  command->callback([&action] {
    action = [] {
      const Error error{ErrorKind::model, "this blindbox was built without a completion engine", "", "configure it with -DBLINDBOX_COMPLETION=ON"};
      const std::string line = engine_error_line(error);
      return ::write(kEngineReadyFd, line.data(), line.size()) > 0 ? base::exit_code(error.kind) : 1;
    };
  });
}

}  // namespace blindbox::apps
#endif
