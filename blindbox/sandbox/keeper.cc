// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/keeper.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>

#include "blindbox/sandbox/internal/identity.h"
#include "blindbox/sandbox/internal/seccomp.h"
#include "blindbox/sandbox/internal/sockets.h"

namespace blindbox::sandbox::internal {
namespace {

constexpr int kGone = 1;  // the exit status when the starter is gone, which nobody reads

// Nothing here is worth stealing, but the sockets' maker must not be steered by who it serves.
void shut_in(pid_t starter) {
  const Capability kill = Capability::kill;  // the command may be another user
  (void)drop_bounding(&kill);
  (void)drop_capabilities(&kill);
  (void)no_new_privileges();
  (void)::prctl(PR_SET_DUMPABLE, 0);
  // In a process namespace the starter is outside and has no number.
  if (!end_with_parent(::getpid() == 1 ? 0 : starter)) ::_exit(kGone);
}

// Reaps whatever has ended; true with the status once it was the command.
bool reap(pid_t command, int& status) {
  bool ended = false;
  int how = 0;
  for (pid_t pid = ::waitpid(-1, &how, WNOHANG); pid > 0; pid = ::waitpid(-1, &how, WNOHANG)) {
    if (pid != command) continue;
    status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    ended = true;
  }
  return ended;
}

// Without a process namespace, what the command has left behind are this process's children, sooner or later.
void end_leftovers() {
  const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  while (true) {
    std::ifstream children(path);
    for (pid_t child = 0; children >> child;) (void)::kill(child, SIGKILL);
    if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
  }
}

void pass_signals(int control, pid_t command) {
  std::uint8_t number = 0;
  while (::recv(control, &number, 1, MSG_DONTWAIT) == 1) (void)::kill(command, number);
}

}  // namespace

void keep(pid_t command, int control, int connector, pid_t starter) {
  shut_in(starter);
  sigset_t all;
  sigfillset(&all);
  (void)::sigprocmask(SIG_SETMASK, &all, nullptr);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const base::Fd ended(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  // Beside the command and steered by two descriptors: no fault in it is to be worth more than what it does.
  const bool own_processes = ::getpid() == 1;
  if (!apply_keeper_seccomp(!own_processes).empty()) ::_exit(kGone);
  int status = 0;
  std::array<pollfd, 3> waiting = {pollfd{ended.get(), POLLIN, 0}, pollfd{control, POLLIN, 0},
                                   pollfd{connector, POLLIN, 0}};
  while (!reap(command, status)) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    signalfd_siginfo drained{};
    if (waiting[0].revents != 0) (void)!::read(ended.get(), &drained, sizeof drained);
    if ((waiting[1].revents & POLLIN) != 0) pass_signals(control, command);
    if ((waiting[1].revents & POLLHUP) != 0) ::_exit(kGone);
    if (waiting[2].revents != 0 && !serve_sockets(connector)) waiting[2].fd = -1;
  }
  if (!own_processes) end_leftovers();
  ::_exit(status);
}

}  // namespace blindbox::sandbox::internal
