// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/seccomp.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>

#include "blindbox/sandbox/internal/record.h"
#include "blindbox/sandbox/internal/seccomp_table.h"

namespace blindbox::sandbox::internal {
namespace {

constexpr std::uint64_t kAll = 0xFFFFFFFF;  // an int: the kernel looks at these bits, so must the comparison
constexpr std::uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                         CLONE_NEWPID | std::uint64_t{CLONE_NEWNET};
constexpr std::uint64_t kTypeFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr std::uint64_t kMptcp = 262;
constexpr std::uint64_t kLastFamily = 45;

scmp_arg_cmp equal(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_MASKED_EQ, kAll, value}; }
scmp_arg_cmp bits(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

// One filter in the making. The first failure stays.
class Program {
 public:
  explicit Program(std::uint32_t otherwise) : context_(::seccomp_init(otherwise), &::seccomp_release) {
    if (!context_) {
      note(-ENOMEM, "seccomp_init");
      return;
    }
    note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "seccomp_attr_set");
    note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "seccomp_attr_set");
  }
  void rule(std::uint32_t action, const char* call, std::initializer_list<scmp_arg_cmp> when = {}) {
    const int number = ::seccomp_syscall_resolve_name(call);
    // A name that this library does not know is a call that answers ENOSYS, which is what a denial may be.
    if (number == __NR_SCMP_ERROR || number < 0) return;
    note(::seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(when.size()), when.begin()),
         call);
  }
  [[nodiscard]] std::string load() {
    if (why_.empty()) note(::seccomp_load(context_.get()), "seccomp_load");
    return why_;
  }

 private:
  void note(int result, const char* what) {
    if (result < 0 && why_.empty()) why_ = failed(what, -result);
  }
  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  std::string why_;
};

void allow_sockets(Program& program, const Filter& filter) {
  const auto socket = [&program](int family, int type, std::uint64_t protocol) {
    program.rule(SCMP_ACT_ALLOW, "socket",
                 {equal(0, static_cast<std::uint64_t>(family)),
                  bits(1, kAll & ~kTypeFlags, static_cast<std::uint64_t>(type)), equal(2, protocol)});
  };
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) socket(AF_UNIX, type, 0);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int protocol : {0, int{IPPROTO_TCP}}) socket(family, SOCK_STREAM, static_cast<std::uint64_t>(protocol));
    if (!filter.own_network) continue;
    for (const int protocol : {0, int{IPPROTO_UDP}}) socket(family, SOCK_DGRAM, static_cast<std::uint64_t>(protocol));
  }
  // getifaddrs(3): without capabilities it only reads, and only what the namespace holds.
  if (filter.own_network) {
    for (const int type : {SOCK_RAW, SOCK_DGRAM}) socket(AF_NETLINK, type, 0 /* NETLINK_ROUTE */);
  }
  program.rule(SCMP_ACT_ALLOW, "socketpair", {equal(0, AF_UNIX)});
}

std::string load_allowed(const Filter& filter) {
  Program program(SCMP_ACT_ERRNO(ENOSYS));
  for (const char* const call : kAllowed) program.rule(SCMP_ACT_ALLOW, call);
  for (const char* const call : kBlocked) program.rule(SCMP_ACT_ERRNO(EPERM), call);
  if (filter.connect) program.rule(SCMP_ACT_ALLOW, "connect");
  allow_sockets(program, filter);
  if (filter.execute) {
    for (const char* const call : kExecuting) program.rule(SCMP_ACT_ALLOW, call);
    program.rule(SCMP_ACT_ALLOW, "clone", {bits(0, kNewNamespaces, 0)});
  } else {
    // A thread, and nothing but a thread.
    program.rule(SCMP_ACT_ALLOW, "clone", {bits(0, kNewNamespaces | CLONE_THREAD, CLONE_THREAD)});
  }
  // clone3 is in no list: its flags lie in memory, where no filter sees them. At ENOSYS, clone is used instead.
  // Its own limits, not those of a process of ours that is the same user.
  program.rule(SCMP_ACT_ALLOW, "prlimit64", {equal(0, 0)});
  for (const std::uint64_t persona : {0x0UL, 0x20000UL, 0xFFFFFFFFUL})
    program.rule(SCMP_ACT_ALLOW, "personality", {equal(0, persona)});
  return program.load();
}

// Loaded last, so that its answers are the ones that are seen.
std::string load_denied_arguments(const Filter& filter) {
  Program program(SCMP_ACT_ALLOW);
  const auto deny = SCMP_ACT_ERRNO(EPERM);
  // TCP Fast Open connects and sends in one call, past Landlock's rule about connect.
  program.rule(deny, "sendto", {bits(3, MSG_FASTOPEN, MSG_FASTOPEN)});
  program.rule(deny, "sendmsg", {bits(2, MSG_FASTOPEN, MSG_FASTOPEN)});
  program.rule(deny, "sendmmsg", {bits(3, MSG_FASTOPEN, MSG_FASTOPEN)});
  for (const std::uint64_t option :
       {std::uint64_t{TCP_FASTOPEN_CONNECT}, std::uint64_t{TCP_ULP}, std::uint64_t{TCP_REPAIR}})
    program.rule(deny, "setsockopt", {equal(1, IPPROTO_TCP), equal(2, option)});
  // Programs in the kernel: SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF and _EBPF.
  for (const std::uint64_t option : {26U, 50U, 51U, 52U})
    program.rule(deny, "setsockopt", {equal(1, SOL_SOCKET), equal(2, option)});
  // Typing into a terminal that is somebody else's: TIOCSTI, TIOCLINUX, TIOCSETD.
  for (const std::uint64_t request : {0x5412U, 0x541CU, 0x5423U}) program.rule(deny, "ioctl", {equal(1, request)});
  // Known families that are not there: programs take this answer for a kernel without them.
  for (std::uint64_t family = 0; family <= kLastFamily; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6) continue;
    if (family == AF_NETLINK && filter.own_network) continue;
    program.rule(SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", {equal(0, family)});
  }
  for (const std::uint64_t family : {std::uint64_t{AF_INET}, std::uint64_t{AF_INET6}})
    program.rule(SCMP_ACT_ERRNO(EPROTONOSUPPORT), "socket", {equal(0, family), equal(2, kMptcp)});
  if (!filter.connect) program.rule(SCMP_ACT_ERRNO(EACCES), "connect");
  return program.load();
}

}  // namespace

std::string apply_keeper_seccomp(bool reads_children) {
  Program program(SCMP_ACT_ERRNO(ENOSYS));
  for (const char* const call : kKeeping) program.rule(SCMP_ACT_ALLOW, call);
  for (const char* const call : {"mmap", "mprotect"}) program.rule(SCMP_ACT_ALLOW, call, {bits(2, PROT_EXEC, 0)});
  for (const int family : {AF_INET, AF_INET6}) {
    program.rule(SCMP_ACT_ALLOW, "socket",
                 {equal(0, static_cast<std::uint64_t>(family)), equal(1, SOCK_STREAM | SOCK_CLOEXEC), equal(2, 0)});
  }
  if (reads_children) {
    for (const char* const call : {"fstat", "newfstatat", "lseek", "readv"}) program.rule(SCMP_ACT_ALLOW, call);
    program.rule(SCMP_ACT_ALLOW, "openat", {bits(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)});
  }
  return program.load();
}

std::string apply_seccomp(const Filter& filter) {
  std::string why = load_allowed(filter);
  return why.empty() ? load_denied_arguments(filter) : why;
}

}  // namespace blindbox::sandbox::internal
