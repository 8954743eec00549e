// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/identity.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "blindbox/base/fd.h"
#include "blindbox/sandbox/internal/record.h"

namespace blindbox::sandbox::internal {
namespace {

struct Sets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
};

bool read_sets(Sets& sets) { return ::syscall(SYS_capget, &sets.header, sets.data.data()) == 0; }

std::string limit(int what, rlim_t value, std::string_view name) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(what), &now) != 0) return failed("getrlimit");
  const rlim_t most = std::min(value, now.rlim_max);
  const rlimit wanted{most, most};
  if (::setrlimit(static_cast<__rlimit_resource_t>(what), &wanted) == 0) return {};
  return failed("setrlimit " + std::string(name));
}

}  // namespace

bool has_capability(Capability capability) {
  Sets sets;
  return read_sets(sets) && (sets.data[0].effective >> static_cast<unsigned>(capability) & 1U) != 0;
}

std::string drop_bounding(const Capability* keep) {
  if (!has_capability(Capability::setpcap)) return "no CAP_SETPCAP";
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (keep != nullptr && capability == static_cast<unsigned long>(*keep)) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // beyond the last that this kernel knows
    return failed("PR_CAPBSET_DROP");
  }
  return {};
}

std::string drop_capabilities(const Capability* keep) {
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  Sets now, none;
  if (!read_sets(now)) return failed("capget");
  if (keep != nullptr) {
    const unsigned bit = 1U << static_cast<unsigned>(*keep);
    none.data[0].permitted = now.data[0].permitted & bit;
    none.data[0].effective = none.data[0].permitted;
  }
  return ::syscall(SYS_capset, &none.header, none.data.data()) == 0 ? std::string() : failed("capset");
}

std::string pass_on_capability(Capability capability) {
  Sets sets;
  if (!read_sets(sets)) return failed("capget");
  sets.data[0].inheritable = sets.data[0].permitted & (1U << static_cast<unsigned>(capability));
  if (::syscall(SYS_capset, &sets.header, sets.data.data()) != 0) return failed("capset");
  const auto number = static_cast<unsigned long>(capability);
  return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) == 0 ? std::string()
                                                                          : failed("PR_CAP_AMBIENT_RAISE");
}

void raise_permitted() {
  Sets sets;
  if (!read_sets(sets)) return;
  for (auto& half : sets.data) half.effective = half.permitted;
  (void)::syscall(SYS_capset, &sets.header, sets.data.data());
}

std::string become(const User& user) {
  if (has_capability(Capability::setgid)) {
    if (::setgroups(user.groups.size(), user.groups.data()) != 0 && errno != EPERM) return failed("setgroups");
  }
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return failed("setresgid " + std::to_string(user.gid));
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return failed("setresuid " + std::to_string(user.uid));
  return {};
}

std::string no_new_privileges() {
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? std::string() : failed("PR_SET_NO_NEW_PRIVS");
}

std::string set_limits(const specification::Limits& limits) {
  std::string why = limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
  if (why.empty()) why = limit(RLIMIT_NOFILE, limits.open_files, "RLIMIT_NOFILE");
  if (why.empty()) why = limit(RLIMIT_FSIZE, limits.file_size, "RLIMIT_FSIZE");
  // Counted by user and user namespace, and not for user 0: control groups are the real limit.
  if (why.empty()) why = limit(RLIMIT_NPROC, limits.processes, "RLIMIT_NPROC");
  return why;
}

bool end_with_parent(pid_t parent) { return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent; }

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::string set_descriptors(int input, int output, int error) {
  std::array<int, 3> from = {input, output, error};
  for (int& descriptor : from) {
    // Above the targets, so that no dup2 overwrites what another still needs.
    descriptor = descriptor < 0 ? ::open("/dev/null", O_RDWR | O_CLOEXEC) : descriptor;
    descriptor = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 100);
    if (descriptor < 0) return failed("the standard streams");
  }
  for (int target = 0; target < 3; ++target) {
    if (::dup2(from[static_cast<std::size_t>(target)], target) < 0) return failed("dup2");
  }
  if (::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0) return {};
  for (int descriptor = 3; descriptor < 65536; ++descriptor) (void)::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return {};
}

}  // namespace blindbox::sandbox::internal
