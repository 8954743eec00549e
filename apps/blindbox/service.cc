// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/profiles/profiles.h"

namespace blindbox::apps {
namespace {

namespace fs = std::filesystem;

std::string unit_path() {
  return (fs::path(profiles::default_folder()).parent_path() / "systemd/user" / kServiceName).string();
}

// systemd.service(5), "Command lines": quotes, and its own specifiers and variables doubled.
std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '%' || c == '$') out += c;
    out += c;
  }
  return out + "\"";
}

// Its output goes nowhere: what it could not do is told by the caller.
bool run_systemctl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"systemctl", "--user"});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return false;
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0);
  }
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, "systemctl", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  while (failed == 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return failed == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void tell_systemd(const std::vector<std::vector<std::string>>& commands) {
  for (const auto& command : commands) {
    const std::string text = fmt::format("systemctl --user {}", fmt::join(command, " "));
    const bool done = run_systemctl(command);
    fmt::print("{}: {}\n", done ? "done" : "no user manager of systemd answers; later run", text);
  }
}

}  // namespace

std::string service_unit(const std::string& program, const std::vector<std::string>& arguments) {
  std::string command = in_quotes(program);
  for (const std::string& argument : arguments) command += " " + in_quotes(argument);
  return "[Unit]\n"
         "Description=BlindBox: attested connections for the editors of this machine\n"
         "Documentation=man:blindbox(1)\n"
         "After=network-online.target\n"
         "\n"
         "[Service]\n"
         "ExecStart=" +
         command +
         "\n"
         "Restart=on-failure\n"
         "RestartSec=5\n"
         "UMask=0077\n"
         "LimitCORE=0\n"
         "NoNewPrivileges=yes\n"
         "LockPersonality=yes\n"
         "MemoryDenyWriteExecute=yes\n"
         "RestrictNamespaces=yes\n"
         "RestrictRealtime=yes\n"
         "RestrictSUIDSGID=yes\n"
         "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n"
         "SystemCallArchitectures=native\n"
         "SystemCallFilter=@system-service\n"
         "SystemCallFilter=~@privileged @resources @debug\n"
         "SystemCallErrorNumber=EPERM\n"
         "\n"
         "[Install]\n"
         "WantedBy=default.target\n";
}

Result<void> install_service(const std::vector<std::string>& arguments) {
  std::error_code error;
  const std::string program = fs::read_symlink("/proc/self/exe", error).string();
  const std::string path = unit_path();
  fs::create_directories(fs::path(path).parent_path(), error);
  if (auto written = base::write_file(path, base::view(service_unit(program, arguments))); !written) return written;
  fmt::print("wrote: {}\n", path);
  tell_systemd({{"daemon-reload"}, {"enable", kServiceName}, {"restart", kServiceName}});
  return {};
}

Result<void> remove_service() {
  const std::string path = unit_path();
  std::error_code error;
  if (!fs::exists(path, error)) {
    return base::fail(ErrorKind::usage, "there is no service to remove", path);
  }
  tell_systemd({{"disable", "--now", kServiceName}});
  if (::unlink(path.c_str()) != 0) {
    return base::fail(ErrorKind::io, "cannot remove " + path + ": " + std::strerror(errno));
  }
  fmt::print("removed: {}\n", path);
  tell_systemd({{"daemon-reload"}});
  return {};
}

}  // namespace blindbox::apps
