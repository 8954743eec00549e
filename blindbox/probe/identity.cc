// SPDX-License-Identifier: Apache-2.0
// Becoming somebody: users, groups, capabilities, programs that are more than who starts them.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>
#include <sstream>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

constexpr uid_t kOther = 54321;

Finding change_user(const Settings&) {
  for (const uid_t wanted : {uid_t{0}, kOther}) {
    if (wanted != ::geteuid() && ::syscall(SYS_setresuid, wanted, wanted, wanted) == 0) {
      return escaped("became user " + std::to_string(wanted));
    }
  }
  return blocked(errno);
}

Finding change_group(const Settings&) {
  for (const gid_t wanted : {gid_t{0}, kOther}) {
    if (wanted != ::getegid() && ::syscall(SYS_setresgid, wanted, wanted, wanted) == 0) {
      return escaped("became group " + std::to_string(wanted));
    }
  }
  return blocked(errno);
}

Finding change_groups(const Settings&) {
  const gid_t wanted = kOther;
  return unless_failed(::syscall(SYS_setgroups, 1, &wanted), "joined a group");
}

struct Sets {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
};

// The one that a port below 1024 takes, where the application has such a port.
bool is_due(const Settings& settings, unsigned long capability) {
  return capability == CAP_NET_BIND_SERVICE && settings.application_port > 0 && settings.application_port < 1024;
}

Finding hold_capabilities(const Settings& settings) {
  Sets sets;
  if (::syscall(SYS_capget, &sets.head, sets.data.data()) != 0) return blocked(errno);
  const unsigned due = is_due(settings, CAP_NET_BIND_SERVICE) ? 1U << CAP_NET_BIND_SERVICE : 0;
  sets.data[0].permitted &= ~due;
  sets.data[0].effective &= ~due;
  sets.data[0].inheritable &= ~due;
  for (const auto& half : sets.data) {
    if ((half.permitted | half.effective | half.inheritable) != 0) return escaped("capabilities are held");
  }
  return blocked(0, due == 0 ? "none is held" : "none is held but the one for a port below 1024");
}

Finding raise_capabilities(const Settings& settings) {
  constexpr unsigned kAll = 0xFFFFFFFFU;
  for (unsigned number = 0; number <= CAP_LAST_CAP; ++number) {
    if (is_due(settings, number)) continue;
    Sets sets;
    const unsigned bit = 1U << (number % 32U);
    sets.data.at(number / 32U) = {bit & kAll, bit & kAll, 0};
    if (::syscall(SYS_capset, &sets.head, sets.data.data()) == 0) {
      return escaped("capability " + std::to_string(number) + " was taken");
    }
  }
  return blocked(errno);
}

Finding raise_ambient(const Settings& settings) {
  Sets sets;
  (void)::syscall(SYS_capget, &sets.head, sets.data.data());
  for (auto& half : sets.data) half.inheritable = half.permitted;
  (void)::syscall(SYS_capset, &sets.head, sets.data.data());
  for (unsigned long number = 0; number <= CAP_LAST_CAP; ++number) {
    if (is_due(settings, number)) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0UL, 0UL) == 0) {
      return escaped("capability " + std::to_string(number) + " outlives the next program");
    }
  }
  return blocked(errno);
}

struct Status {
  unsigned long effective_user = 0;
  unsigned long effective_group = 0;
  std::string capabilities;  // effective, hexadecimal
};

std::optional<Status> status_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  Status out;
  bool seen = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    unsigned long real = 0;
    fields >> name;
    if (name == "Uid:") fields >> real >> out.effective_user;
    if (name == "Gid:") fields >> real >> out.effective_group;
    if (name == "CapEff:") {
      fields >> out.capabilities;
      seen = true;
    }
  }
  return seen ? std::optional(out) : std::nullopt;
}

// What a program is once it runs. It gets neither arguments nor input, and is ended at once; as long as nobody waits for
// it, /proc tells who it was. nullopt: it could not be started.
std::optional<Status> become(const std::string& program) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const base::Fd from(ends[0]);
  base::Fd to(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return std::nullopt;
  if (pid == 0) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {0, 1, 2}) {
      if (nothing < 0 || ::dup2(nothing, fd) < 0) ::close(fd);
    }
    std::string name = program;
    const std::array<char*, 2> arguments = {name.data(), nullptr};
    const std::array<char*, 1> environment = {nullptr};
    ::execve(program.c_str(), arguments.data(), environment.data());
    const int error = errno;
    (void)!::write(to.get(), &error, sizeof error);
    ::_exit(127);
  }
  to.reset();
  int error = 0;
  const bool started = ::read(from.get(), &error, sizeof error) == 0;  // the pipe is closed by execve
  const auto status = started ? status_of(pid) : std::nullopt;
  ::kill(pid, SIGKILL);
  (void)::waitpid(pid, nullptr, 0);
  if (!started) errno = error;
  return status;
}

Finding run_set_user(const Settings& settings) {
  std::vector<std::string> programs = {"/usr/bin/su",     "/bin/su",    "/usr/bin/passwd",  "/usr/bin/chsh",
                                       "/usr/bin/newgrp", "/bin/mount", "/usr/bin/mount",   "/usr/bin/sudo",
                                       "/usr/bin/chage",  "/bin/ping",  "/usr/bin/gpasswd", "/usr/bin/expiry"};
  if (!settings.setuid_program.empty()) programs.insert(programs.begin(), settings.setuid_program);
  Finding last = not_applicable("there is no program that changes who runs it");
  for (const std::string& program : programs) {
    struct stat about {};
    if (::stat(program.c_str(), &about) != 0) continue;
    const bool user = (about.st_mode & S_ISUID) != 0 && about.st_uid != ::geteuid();
    const bool group = (about.st_mode & S_ISGID) != 0 && about.st_gid != ::getegid();
    if (!user && !group) continue;
    const auto status = become(program);
    if (!status) {
      last = blocked(errno);
      continue;
    }
    if (status->effective_user != ::geteuid() || status->effective_group != ::getegid()) {
      return escaped(program + " ran as somebody else");
    }
    last = blocked(0, "it ran as the one who started it");
  }
  return last;
}

// root's programs get every capability of the bounding set anew, unless something forbids it.
Finding regain_capabilities(const Settings&) {
  const auto status = become("/proc/self/exe");
  if (!status) return blocked(errno);
  if (status->capabilities.find_first_not_of('0') == std::string::npos) return blocked(0, "the next program has none");
  return escaped("the next program holds capabilities");
}

}  // namespace

void add_identity(Catalogue& to) {
  to.push_back({"identity.user", "become another user", change_user});
  to.push_back({"identity.group", "become another group", change_group});
  to.push_back({"identity.groups", "join groups", change_groups});
  to.push_back({"identity.setuid_program", "run a program that changes who runs it", run_set_user});
  to.push_back({"capabilities.hold", "hold a capability", hold_capabilities});
  to.push_back({"capabilities.raise", "take a capability with capset", raise_capabilities});
  to.push_back({"capabilities.ambient", "make a capability outlive the next program", raise_ambient});
  to.push_back({"capabilities.regain", "get capabilities back by starting a program", regain_capabilities});
}

}  // namespace blindbox::probe::internal
