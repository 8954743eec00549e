// SPDX-License-Identifier: Apache-2.0
// Runs a command behind as many walls as the kernel grants. What is built: a keeper (ours; process 1 of the sandbox's
// process namespace where there is one) and under it the command. The keeper reaps, hands out sockets (connector.h),
// passes signals on, and ends with the command's status; when it ends, everything in the sandbox ends.
#pragma once

#include <sys/types.h>

#include <chrono>

#include "blindbox/base/fd.h"
#include "blindbox/sandbox/connector.h"
#include "blindbox/sandbox/posture.h"

namespace blindbox::sandbox {

struct Settings {
  specification::Application application;  // environment: all that the command gets
  // A program that is open already, run in place of application.command[0], which is then only its name; -1: none. It
  // need not be visible inside the sandbox.
  int executable = -1;
  std::vector<std::string> hidden;  // absolute folders that the command is not to see, where it has mounts of its own
  std::uint16_t port = 0;           // where the command listens; 0: nowhere
  std::vector<specification::Writable> writable;
  specification::Limits limits;
  // A port of the inner loopback that is listened on before the command starts, for the egress proxy; 0: none.
  std::uint16_t egress_port = 0;
  Tier minimum_tier = Tier::namespaces;
  // Weaker on purpose, for tests and measurements alone: nothing of a stronger tier is tried.
  Tier maximum_tier = Tier::confined;
  int keeper_end = -1;  // of a connector; -1: none
  int input = -1;       // the command's standard streams; -1: /dev/null
  int output = -1;
  int error = -1;
};

// What a specification demands; environment as given (the image's own with what is passed).
[[nodiscard]] Settings settings_from(const specification::Specification& specification);

class Running {
 public:
  Running(Running&&) noexcept;
  Running& operator=(Running&&) = delete;
  // Kills what still runs and waits for its end.
  ~Running();

  // The keeper, a child of the caller: its exit status is the command's, 128+n after signal n.
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] const Posture& posture() const { return posture_; }
  [[nodiscard]] uid_t uid() const { return uid_; }  // of the command, as seen from outside
  // The listening socket on the inner loopback's egress_port; once.
  [[nodiscard]] base::Fd take_egress_listener() { return std::move(egress_listener_); }

  // To the command alone; false when it has ended.
  [[nodiscard]] bool signal(int number) const;
  // The whole sandbox at once.
  void kill() const;
  // Waits for the end: the command's exit status. Call once; or reap pid() yourself and tell by reaped().
  [[nodiscard]] int wait();
  void reaped();

 private:
  friend Result<Running> start(const Settings& settings);
  Running() = default;
  pid_t pid_ = -1;
  base::Fd pidfd_;
  base::Fd control_;
  base::Fd egress_listener_;
  Posture posture_;
  uid_t uid_ = 0;
  std::vector<std::string> group_;  // folders, removed at the end
};

// Returns when the command runs (execve has succeeded). The calling process must have one thread or call it before it
// has others to lose: the sandbox is made in forked copies of it. The calling thread's end ends the sandbox.
// ErrorKind::platform when less than minimum_tier is granted (detail: which steps were denied and why); ErrorKind::usage
// when the command cannot be run; ErrorKind::io otherwise.
[[nodiscard]] Result<Running> start(const Settings& settings);

}  // namespace blindbox::sandbox
