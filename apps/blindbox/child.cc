// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace blindbox::apps {

using std::chrono::steady_clock;

Result<Child> Child::start(const std::vector<std::string>& arguments, const std::string& log) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return base::fail(ErrorKind::io, "cannot make a pipe");
  Child child;
  child.output_ = base::Fd(pipe[0]);
  const base::Fd writing(pipe[1]);
  child.name_ = "blindbox " + (arguments.empty() ? "" : arguments.front());
  std::vector<char*> argv = {const_cast<char*>("blindbox")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int error = ::posix_spawn(&child.pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return base::fail(ErrorKind::io, "cannot start " + child.name_ + ": " + std::strerror(error));
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::move(other.output_)),
      buffer_(std::move(other.buffer_)),
      name_(std::move(other.name_)) {}

Child::~Child() {
  if (pid_ > 0) (void)stop();
}

Result<std::string> Child::read_line(std::chrono::milliseconds limit) {
  const auto due = steady_clock::now() + limit;
  while (buffer_.find('\n') == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(due - steady_clock::now()).count();
    pollfd waiting{output_.get(), POLLIN, 0};
    const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return base::fail(ErrorKind::io, name_ + " says nothing");
    std::array<char, 4096> piece{};
    const ssize_t got = ::read(output_.get(), piece.data(), piece.size());
    if (got <= 0) return base::fail(ErrorKind::io, name_ + " has ended");
    buffer_.append(piece.data(), static_cast<std::size_t>(got));
  }
  const auto end = buffer_.find('\n');
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

Result<std::string> Child::wait_for(const std::string& prefix, std::chrono::milliseconds limit,
                                    std::vector<std::string>* lines) {
  const auto due = steady_clock::now() + limit;
  while (true) {
    auto line = read_line(std::chrono::duration_cast<std::chrono::milliseconds>(due - steady_clock::now()));
    if (!line) return line;
    if (line->starts_with(prefix)) return line->substr(prefix.size());
    if (lines != nullptr) lines->push_back(*line);
  }
}

int Child::stop(std::vector<std::string>* lines) {
  ::kill(pid_, SIGTERM);
  for (auto line = read_line(std::chrono::seconds(15)); line; line = read_line(std::chrono::seconds(15))) {
    if (lines != nullptr) lines->push_back(*line);
  }
  int status = 0;
  // The output has ended, so the process has, or it hangs.
  for (int tries = 0; ::waitpid(pid_, &status, WNOHANG) == 0; ++tries) {
    if (tries == 100) ::kill(pid_, SIGKILL);
    ::poll(nullptr, 0, 20);
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace blindbox::apps
