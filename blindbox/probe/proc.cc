// SPDX-License-Identifier: Apache-2.0
// What /proc and /sys give away of init and of the kernel, and what they let one change. Files are opened, at most one byte
// is read, and none is kept.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

// Whether /proc belongs to this process name space: one that was not mounted anew shows the processes outside.
bool proc_is_own() {
  std::array<char, 32> target{};
  const ssize_t length = ::readlink("/proc/self", target.data(), target.size() - 1);
  return length > 0 && std::to_string(::getpid()) == target.data();
}

Try init_file(const char* name) {
  return [name](const Settings& settings) -> Finding {
    if (init_is_hidden(settings) && proc_is_own()) return hidden_init();
    const std::string path = "/proc/" + std::to_string(settings.init) + "/" + name;
    const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return blocked(errno);
    // Address 0 of the memory is never mapped: that it can be opened is the permission.
    if (std::string_view(name) == "mem") return escaped(path + " can be opened");
    char byte = 0;
    const ssize_t got = ::read(fd.get(), &byte, 1);
    if (got < 0) return blocked(errno);
    return got == 0 ? blocked(0, path + " is empty") : escaped(path + " can be read");
  };
}

// Which numbers there are may be told; where one of them leads to may not.
Finding follow_descriptors(const Settings& settings) {
  if (init_is_hidden(settings) && proc_is_own()) return hidden_init();
  const std::string path = "/proc/" + std::to_string(settings.init) + "/fd";
  DIR* const folder = ::opendir(path.c_str());
  if (folder == nullptr) return blocked(errno);
  Finding out = blocked(EACCES, path + " can be listed, and leads nowhere");
  for (const dirent* entry = ::readdir(folder); entry != nullptr; entry = ::readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    std::array<char, 16> target{};
    if (::readlink((path + "/" + std::string(entry->d_name)).c_str(), target.data(), target.size()) > 0) {
      out = escaped(path + " can be followed");
      break;
    }
  }
  (void)::closedir(folder);
  return out;
}

Try init_folder(const char* name) {
  return [name](const Settings& settings) -> Finding {
    if (init_is_hidden(settings) && proc_is_own()) return hidden_init();
    const std::string path = "/proc/" + std::to_string(settings.init) + "/" + name + "/";
    DIR* const folder = ::opendir(path.c_str());
    if (folder == nullptr) return blocked(errno);
    (void)::closedir(folder);
    return escaped(path + " can be listed");
  };
}

// Container engines cover files of /proc by an empty one: that it opens is nothing yet.
Finding read_kernel(const Settings&) {
  int error = ENOENT;
  for (const char* const path : {"/proc/kcore", "/proc/kmsg", "/proc/kpagecount", "/proc/kpageflags",
                                 "/proc/vmallocinfo", "/proc/slabinfo", "/proc/timer_list"}) {
    const base::Fd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    std::array<char, 8> content{};
    const ssize_t got = fd ? ::read(fd.get(), content.data(), content.size()) : -1;
    if (got > 0) return escaped(std::string(path) + " can be read");
    if (got < 0 && errno != ENOENT) error = errno;
  }
  return blocked(error);
}

Finding open_any(const std::vector<std::string>& paths, int flags, const std::string& can) {
  int error = ENOENT;
  for (const std::string& path : paths) {
    const base::Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd) return escaped(path + " can be " + can);
    if (errno != ENOENT) error = errno;
  }
  return blocked(error);
}

Try opening(std::vector<std::string> paths, int flags, std::string can) {
  return
      [paths = std::move(paths), flags, can = std::move(can)](const Settings&) { return open_any(paths, flags, can); };
}

// Wherever control groups are mounted here, of either version.
Finding write_cgroups(const Settings&) {
  std::vector<std::string> paths = {"/sys/fs/cgroup/cgroup.procs"};
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; paths.size() < 128 && std::getline(file, line);) {
    const auto separator = line.find(" - cgroup");
    if (separator == std::string::npos) continue;
    std::istringstream fields(line);
    std::string point;
    for (int i = 0; i < 5; ++i) fields >> point;  // the fifth is where it is mounted
    for (const char* const name : {"/cgroup.procs", "/release_agent", "/notify_on_release"})
      paths.push_back(point + name);
  }
  return open_any(paths, O_WRONLY, "written");
}

}  // namespace

void add_proc(Catalogue& to) {
  to.push_back({"proc.init.environ", "read /proc/1/environ", init_file("environ")});
  to.push_back({"proc.init.memory", "open /proc/1/mem", init_file("mem")});
  to.push_back({"proc.init.maps", "read /proc/1/maps", init_file("maps")});
  to.push_back({"proc.init.command_line", "read /proc/1/cmdline", init_file("cmdline")});
  to.push_back({"proc.init.descriptors", "follow the descriptors in /proc/1/fd", follow_descriptors});
  to.push_back({"proc.init.root", "enter /proc/1/root", init_folder("root")});
  to.push_back({"proc.init.working_directory", "enter /proc/1/cwd", init_folder("cwd")});
  to.push_back({"proc.sys.write", "open the kernel's settings in /proc/sys for writing",
                opening({"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
                         "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/file-max"},
                        O_WRONLY, "written")});
  to.push_back({"proc.sysrq.write", "open /proc/sysrq-trigger for writing",
                opening({"/proc/sysrq-trigger"}, O_WRONLY, "written")});
  to.push_back({"proc.kernel.read", "read what /proc shows of the kernel's memory and log", read_kernel});
  to.push_back({"sys.write", "open the kernel's settings in /sys for writing",
                opening({"/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/profiling",
                         "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/module/kernel/parameters/panic"},
                        O_WRONLY, "written")});
  to.push_back({"sys.debug", "open the kernel's tracing and debugging file systems",
                opening({"/sys/kernel/debug/.", "/sys/kernel/tracing/trace", "/sys/kernel/tracing/available_tracers"},
                        O_RDONLY, "read")});
  to.push_back({"cgroup.write", "open control groups for writing", write_cgroups});
}

}  // namespace blindbox::probe::internal
