// SPDX-License-Identifier: Apache-2.0
// init and every other process outside: traced, read, written, robbed of descriptors, signalled.
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <array>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

// An attempt on init, where init has a number here.
Try on_init(std::function<Finding(pid_t)> attempt) {
  return [attempt = std::move(attempt)](const Settings& settings) {
    return init_is_hidden(settings) ? hidden_init() : attempt(settings.init);
  };
}

// PTRACE_SEIZE stops nobody, and what was seized is let go when the tracer ends.
Finding trace(pid_t init) {
  const long seized = ::ptrace(PTRACE_SEIZE, init, nullptr, nullptr);
  return unless_failed(seized, "init can be traced");
}

// From and to address 0, where nothing is: EFAULT comes after the permission.
template <long Call>
Finding move_memory(pid_t init) {
  char byte = 0;
  const iovec local{&byte, 1};
  const iovec remote{nullptr, 1};
  const long moved = ::syscall(Call, init, &local, 1UL, &remote, 1UL, 0UL);
  if (moved < 0 && errno != EFAULT) return blocked(errno);
  return escaped("init's memory is within reach");
}

Finding take_descriptor(pid_t init) {
  const base::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, init, 0U)));
  if (!process) return blocked(errno);
  const base::Fd taken(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), 0, 0U)));
  if (!taken && errno != EBADF) return blocked(errno);
  return escaped("init's descriptors can be taken");
}

Finding compare(pid_t init) {
  constexpr int kVirtualMemory = 1;
  return unless_failed(::syscall(SYS_kcmp, init, ::getpid(), kVirtualMemory, 0UL, 0UL), "init can be compared with");
}

Finding read_limits(pid_t init) {
  rlimit limit{};
  return unless_failed(::syscall(SYS_prlimit64, init, RLIMIT_CORE, nullptr, &limit), "init's limits can be read");
}

// Signal 0 is delivered to nobody; only the permission is asked for.
Finding signal_init(pid_t init) {
  if (::kill(init, 0) == 0) return escaped("init can be signalled by kill()");
  const int error = errno;
  if (::syscall(SYS_tgkill, init, init, 0) == 0) return escaped("init can be signalled by tgkill()");
  if (::syscall(SYS_tkill, init, 0) == 0) return escaped("init can be signalled by tkill()");
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  if (::syscall(SYS_rt_sigqueueinfo, init, 0, &info) == 0) return escaped("init can be signalled by rt_sigqueueinfo()");
  const base::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, init, 0U)));
  if (process && ::syscall(SYS_pidfd_send_signal, process.get(), 0, nullptr, 0U) == 0) {
    return escaped("init can be signalled by pidfd_send_signal()");
  }
  return blocked(error);
}

// The sandbox is a session of its own: whoever can be signalled beyond it is a stranger.
Finding signal_strangers(const Settings& settings) {
  constexpr pid_t kMost = 65536;
  const pid_t session = ::getsid(0);
  for (pid_t pid = 1; pid < kMost; ++pid) {
    if (::kill(pid, 0) != 0 && errno != EPERM) continue;
    if (errno == EPERM && ::kill(pid, 0) != 0) continue;
    const bool own = ::getsid(pid) == session || pid == ::getppid() ||
                     std::ranges::find(settings.own_processes, pid) != settings.own_processes.end();
    if (!own) return escaped("process " + std::to_string(pid) + " of another session can be signalled");
  }
  return blocked(0, "no process beyond the sandbox can be signalled");
}

}  // namespace

void add_processes(Catalogue& to) {
  to.push_back({"init.trace", "seize init with ptrace", on_init(trace)});
  to.push_back(
      {"init.read_memory", "read init's memory with process_vm_readv", on_init(move_memory<SYS_process_vm_readv>)});
  to.push_back(
      {"init.write_memory", "write init's memory with process_vm_writev", on_init(move_memory<SYS_process_vm_writev>)});
  to.push_back({"init.take_descriptor", "take a descriptor of init with pidfd_getfd", on_init(take_descriptor)});
  to.push_back({"init.compare", "compare init's memory with kcmp", on_init(compare)});
  to.push_back({"init.limits", "read init's limits with prlimit", on_init(read_limits)});
  to.push_back({"init.signal", "signal init, by each of five calls", on_init(signal_init)});
  to.push_back({"processes.signal", "signal any process of another session", signal_strangers});
}

}  // namespace blindbox::probe::internal
