// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <cerrno>
#include <cstring>

#include "blindbox/base/fd.h"

namespace blindbox::image::internal {
namespace {

using base::fail;
using std::chrono::steady_clock;

// The process of its own group, reaped whatever happens.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      (void)wait();
    }
  }
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_;
};

Result<pid_t> start(const std::vector<std::string>& arguments, int in, int out) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail(ErrorKind::io, "cannot run " + arguments.front() + ": " + std::strerror(error));
  return pid;
}

}  // namespace

Result<Said> ask_program(const std::vector<std::string>& arguments, const std::string& input,
                         std::chrono::milliseconds limit, std::size_t cap) {
  // Sockets: a program that does not read its question must not end us by SIGPIPE.
  std::array<int, 2> question{-1, -1}, answer{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, question.data()) != 0) {
    return fail(ErrorKind::io, std::string("cannot make a socket: ") + std::strerror(errno));
  }
  base::Fd ours(question[0]), theirs(question[1]);
  if (::pipe2(answer.data(), O_CLOEXEC) != 0) {
    return fail(ErrorKind::io, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  const base::Fd from(answer[0]);
  base::Fd into(answer[1]);
  auto pid = start(arguments, theirs.get(), into.get());
  if (!pid) return base::pass_on(pid);
  Child child(*pid);
  theirs.reset();
  into.reset();
  // Short, so that it fits the socket's buffer.
  (void)::send(ours.get(), input.data(), input.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ours.reset();
  Said said;
  const auto end = steady_clock::now() + limit;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
    pollfd wait{from.get(), POLLIN, 0};
    const int ready = left <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      return fail(ErrorKind::io, arguments.front() + " said nothing within " + std::to_string(limit.count()) + " ms");
    }
    std::array<char, 4096> piece{};
    const ssize_t got = ::read(from.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    said.output.append(piece.data(), static_cast<std::size_t>(got));
    if (said.output.size() > cap) return fail(ErrorKind::io, arguments.front() + " says too much");
  }
  said.status = child.wait();
  return said;
}

}  // namespace blindbox::image::internal
