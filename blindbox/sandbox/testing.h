// SPDX-License-Identifier: Apache-2.0
// Runs a program behind the walls, for tests: what it prints, and how it ended.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "blindbox/sandbox/sandbox.h"

namespace blindbox::sandbox::testing {

struct Ran {
  int status = -1;     // as Running::wait() has it
  std::string output;  // standard output and error together
  Posture posture;
};

// Waits for the program's end. settings.output and error are replaced.
[[nodiscard]] inline Result<Ran> run(Settings settings) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return base::fail(ErrorKind::io, "pipe2");
  const base::Fd reading(pipe[0]);
  base::Fd writing(pipe[1]);
  settings.output = settings.error = writing.get();
  auto running = start(settings);
  writing.reset();
  if (!running) return base::pass_on(running);
  Ran ran;
  ran.posture = running->posture();
  std::array<char, 4096> piece{};
  for (ssize_t got = ::read(reading.get(), piece.data(), piece.size()); got > 0;
       got = ::read(reading.get(), piece.data(), piece.size())) {
    ran.output.append(piece.data(), static_cast<std::size_t>(got));
  }
  ran.status = running->wait();
  return ran;
}

// A program that needs nothing but its arguments, at the weakest tier, so that whatever is granted runs.
[[nodiscard]] inline Settings settings_for(std::vector<std::string> command) {
  Settings settings;
  settings.application.command = std::move(command);
  settings.application.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp"};
  settings.minimum_tier = Tier::filtered;
  return settings;
}

}  // namespace blindbox::sandbox::testing
