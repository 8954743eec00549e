// SPDX-License-Identifier: Apache-2.0
// More than the specification grants: core dumps, descriptors of others, processes, memory, files, space.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <fstream>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

Finding dump_core(const Settings&) {
  const rlimit wanted{1U << 20U, 1U << 20U};
  return unless_failed(::setrlimit(RLIMIT_CORE, &wanted), "core dumps can be had");
}

Finding raise_limits(const Settings&) {
  int error = 0;
  for (const auto which : {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_MEMLOCK}) {
    rlimit limit{};
    if (::getrlimit(which, &limit) != 0) continue;
    if (limit.rlim_max == RLIM_INFINITY) continue;
    ++limit.rlim_max;
    if (::setrlimit(which, &limit) == 0) return escaped("a hard limit was raised");
    error = errno;
  }
  return error == 0 ? not_applicable("there is no hard limit to raise") : blocked(error);
}

Finding inherit(const Settings& settings) {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  const int most = static_cast<int>(std::min<rlim_t>(limit.rlim_max, 65536));
  for (int fd = 3; fd < most; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) continue;
    if (std::ranges::find(settings.own_descriptors, fd) != settings.own_descriptors.end()) continue;
    return escaped("descriptor " + std::to_string(fd) + " was left open");
  }
  return blocked(EBADF, "none is open beyond standard input, output and error");
}

// Children that sleep until this process ends.
Finding exceed_processes(const Settings& settings) {
  if (settings.quotas.processes == 0) return not_applicable("no limit is stated");
  std::vector<pid_t> children;
  int error = 0;
  for (std::uint32_t i = 0; i <= settings.quotas.processes && error == 0; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
      (void)::pause();
      ::_exit(0);
    }
    if (pid < 0) {
      error = errno;
    } else {
      children.push_back(pid);
    }
  }
  for (const pid_t pid : children) (void)::kill(pid, SIGKILL);
  if (error != 0) return blocked(error, "no more after " + std::to_string(children.size()));
  return escaped("more processes than the limit were started");
}

Finding exceed_files(const Settings& settings) {
  if (settings.quotas.open_files == 0) return not_applicable("no limit is stated");
  for (std::uint32_t i = 0; i <= settings.quotas.open_files; ++i) {
    if (::fcntl(0, F_DUPFD, 3) < 0 && errno != EBADF) return blocked(errno);
    if (errno == EBADF && ::fcntl(1, F_DUPFD, 3) < 0) return blocked(errno);
  }
  return escaped("more files than the limit were opened");
}

Finding exceed_memory(const Settings& settings) {
  if (settings.quotas.memory == 0) return not_applicable("no limit is stated");
  {  // whoever runs out of memory together, this process ends first
    std::ofstream("/proc/self/oom_score_adj") << 1000;
  }
  const std::size_t size = settings.quotas.memory + (std::size_t{16} << 20U);
  void* const got = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (got == MAP_FAILED) return blocked(errno);
  // MAP_POPULATE gives up without a word; touching does not.
  for (std::size_t at = 0; at < size; at += 4096) static_cast<volatile char*>(got)[at] = 1;
  return escaped("more memory than the limit was used");
}

std::string file_in(const std::string& folder) {
  return folder + "/.blindbox-probe-space-" + std::to_string(::getpid());
}

Finding exceed_file_size(const Settings& settings) {
  if (settings.quotas.file_size == 0) return not_applicable("no limit is stated");
  int error = 0;
  for (const std::string& folder : places_to_write(settings)) {
    const std::string path = file_in(folder);
    const base::Fd fd(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
    if (!fd) {
      error = errno;
      continue;
    }
    (void)::unlink(path.c_str());
    // One byte behind the limit: nothing is allocated for the hole before it.
    const ssize_t put = ::pwrite(fd.get(), "x", 1, static_cast<off_t>(settings.quotas.file_size));
    return unless_failed(put, "a file grew beyond the limit");
  }
  return error == 0 ? not_applicable("nothing can be written") : blocked(error);
}

Finding exceed_space(const Settings& settings) {
  Finding last = not_applicable("no size is stated");
  for (const WritableDirectory& one : settings.writable) {
    if (one.size == 0) continue;
    const std::string path = file_in(one.path);
    const base::Fd fd(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
    if (!fd) {
      last = blocked(errno);
      continue;
    }
    (void)::unlink(path.c_str());
    // Space is taken without being written, and given back with the descriptor.
    const int taken = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(one.size) + 1);
    if (taken == 0) return escaped("more than its size fitted into " + one.path);
    last = blocked(taken);
  }
  return last;
}

}  // namespace

void add_quotas(Catalogue& to) {
  to.push_back({"limits.core", "make core dumps possible", dump_core});
  to.push_back({"limits.raise", "raise a hard limit", raise_limits});
  to.push_back({"descriptors.inherit", "find a descriptor that was left open", inherit});
  to.push_back({"quota.processes", "start more processes than the limit", exceed_processes});
  to.push_back({"quota.open_files", "open more files than the limit", exceed_files});
  to.push_back({"quota.memory", "use more memory than the limit", exceed_memory});
  to.push_back({"quota.file_size", "write a file larger than the limit", exceed_file_size});
  to.push_back({"quota.space", "fill a writable directory beyond its size", exceed_space});
}

}  // namespace blindbox::probe::internal
