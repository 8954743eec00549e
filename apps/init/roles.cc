// SPDX-License-Identifier: Apache-2.0
#include "roles.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace blindbox::init {
namespace {

[[noreturn]] void become_role(const std::vector<char*>& arguments, const std::vector<int>& descriptors, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(127);
  // Above the targets first, so that no dup2 overwrites what another still needs.
  std::vector<int> above;
  for (const int descriptor : descriptors) above.push_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 100));
  int target = 3;
  for (const int descriptor : above) {
    if (::dup2(descriptor, target++) < 0) ::_exit(127);
  }
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0) ::dup2(null, 0);
  (void)::syscall(SYS_close_range, static_cast<unsigned>(target), ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  std::array<char*, 1> environment = {nullptr};
  ::execve("/proc/self/exe", arguments.data(), environment.data());
  ::_exit(127);
}

}  // namespace

Result<pid_t> start_role(const std::vector<std::string>& arguments, const std::vector<int>& descriptors) {
  std::vector<char*> argv = {const_cast<char*>("blindbox-init")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return base::fail(ErrorKind::io, "cannot start the " + arguments.front(), std::strerror(errno));
  if (pid == 0) become_role(argv, descriptors, parent);
  return pid;
}

int report(const Error& error) {
  Error ours = error;
  std::string text = base::to_string(ours);
  for (std::size_t at = text.find("blindbox: "); at != std::string::npos; at = text.find("blindbox: ", at + 10)) {
    if (at == 0 || text[at - 1] == '\n') text.replace(at, 9, "blindbox-init:");
  }
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F) c = '?';
  }
  std::fprintf(stderr, "%s\n", text.c_str());
  return base::exit_code(error.kind);
}

}  // namespace blindbox::init
