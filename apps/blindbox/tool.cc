// SPDX-License-Identifier: Apache-2.0
#include "tool.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "blindbox/base/fd.h"

namespace blindbox::apps {
namespace {

using base::fail;

constexpr std::size_t kAnswerCap = std::size_t{16} << 20;

Result<pid_t> start(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (output >= 0) {
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  }
  std::fflush(stdout);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(ErrorKind::io, "cannot run " + arguments.front() + ": " + std::strerror(error));
  return pid;
}

Result<void> finish(pid_t pid, const std::vector<std::string>& arguments) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string command;
  for (std::size_t i = 0; i < arguments.size() && i < 3; ++i) command += (i == 0 ? "" : " ") + arguments[i];
  const std::string how = WIFEXITED(status) ? "status " + std::to_string(WEXITSTATUS(status))
                                            : "signal " + std::to_string(WTERMSIG(status));
  return fail(ErrorKind::io, "\"" + command + "\" ended with " + how, "", "what it said stands above");
}

}  // namespace

bool is_installed(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto end = rest.find(':');
    const std::string folder(rest.substr(0, end));
    if (::access(((folder.empty() ? "." : folder) + "/" + program).c_str(), X_OK) == 0) return true;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return false;
}

Result<void> run_tool(const std::vector<std::string>& arguments) {
  auto pid = start(arguments, -1);
  if (!pid) return base::pass_on(pid);
  return finish(*pid, arguments);
}

Result<std::string> ask_tool(const std::vector<std::string>& arguments) {
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return fail(ErrorKind::io, "cannot make a pipe");
  base::Fd from(pipe[0]);
  base::Fd into(pipe[1]);
  auto pid = start(arguments, into.get());
  if (!pid) return base::pass_on(pid);
  into.reset();
  std::string out;
  std::array<char, 65536> piece{};
  while (out.size() <= kAnswerCap) {
    const ssize_t got = ::read(from.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.append(piece.data(), static_cast<std::size_t>(got));
  }
  from.reset();  // one that has more to say ends by that
  auto ended = finish(*pid, arguments);
  if (out.size() > kAnswerCap) return fail(ErrorKind::limit, arguments.front() + " says more than 16 MiB");
  if (!ended) return base::pass_on(ended);
  return out;
}

}  // namespace blindbox::apps
