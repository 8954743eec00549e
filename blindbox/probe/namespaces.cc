// SPDX-License-Identifier: Apache-2.0
// New name spaces, by each call that makes them, and the way back into old ones.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <csignal>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

struct Kind {
  const char* name;
  unsigned long flags;
};
// A user name space alone needs no privilege on an ordinary kernel, and gives every other one with it.
constexpr std::array kKinds = {Kind{"mount", CLONE_NEWNS},
                               Kind{"hosts", CLONE_NEWUTS},
                               Kind{"ipc", CLONE_NEWIPC},
                               Kind{"process", CLONE_NEWPID},
                               Kind{"network", CLONE_NEWNET},
                               Kind{"cgroup", CLONE_NEWCGROUP},
                               Kind{"time", CLONE_NEWTIME},
                               Kind{"user", CLONE_NEWUSER},
                               Kind{"user_and_network", CLONE_NEWUSER | CLONE_NEWNET},
                               Kind{"user_and_mount", CLONE_NEWUSER | CLONE_NEWNS}};

std::string meaning(const Kind& kind) { return std::string("a name space was made: ") + kind.name; }

Finding by_unshare(const Kind& kind) { return unless_failed(::syscall(SYS_unshare, kind.flags), meaning(kind)); }

// The child of either call has this function's stack, copied, and ends at once.
Finding of_child(long pid, const Kind& kind) {
  if (pid == 0) ::_exit(0);
  return unless_failed(pid, meaning(kind));
}

Finding by_clone(const Kind& kind) {
  return of_child(::syscall(SYS_clone, kind.flags | static_cast<unsigned long>(SIGCHLD), 0UL, 0UL, 0UL, 0UL), kind);
}

Finding by_clone3(const Kind& kind) {
  clone_args arguments{};
  arguments.flags = kind.flags;
  arguments.exit_signal = SIGCHLD;
  return of_child(::syscall(SYS_clone3, &arguments, sizeof arguments), kind);
}

Finding enter(const Settings& settings) {
  int error = 0;
  for (const std::string& process : {std::to_string(settings.init), std::string("self")}) {
    for (const char* const name : {"net", "mnt", "uts", "ipc", "pid", "cgroup", "user"}) {
      const std::string path = "/proc/" + process + "/ns/" + name;
      const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (fd && ::setns(fd.get(), 0) == 0) return escaped("entered " + path);
      if (error != EPERM) error = errno;
    }
  }
  const base::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, settings.init, 0U)));
  if (process && ::setns(process.get(), CLONE_NEWNET) == 0) return escaped("entered the network of init");
  return blocked(error);
}

void add_each(Catalogue& to, const std::string& call, Finding (*attempt)(const Kind&)) {
  for (const Kind& kind : kKinds) {
    // The low byte of clone's flags is the signal, and this flag lies in it.
    if (call == "clone" && (kind.flags & CLONE_NEWTIME) != 0) continue;
    to.push_back({"namespaces." + call + "." + kind.name,
                  std::string("make a name space with ") + call + ": " + kind.name,
                  [attempt, kind](const Settings&) { return attempt(kind); }});
  }
}

}  // namespace

void add_namespaces(Catalogue& to) {
  add_each(to, "unshare", by_unshare);
  add_each(to, "clone", by_clone);
  add_each(to, "clone3", by_clone3);
  to.push_back({"namespaces.enter", "enter name spaces of init, or one's own again, with setns", enter});
}

}  // namespace blindbox::probe::internal
