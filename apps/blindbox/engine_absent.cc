// SPDX-License-Identifier: Apache-2.0
// In place of engine.cc where the build has no completion engine: there is no such subcommand then.
#ifndef BLINDBOX_HAS_ENGINE
#include "command.h"

namespace blindbox::apps {

void add_engine(CLI::App&, Action&) {}
void add_model(CLI::App&, Action&) {}

}  // namespace blindbox::apps
#endif
