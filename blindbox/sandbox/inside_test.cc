// SPDX-License-Identifier: Apache-2.0
// What runs inside: sandbox_test.cc starts this program again behind the walls, with one of these alone.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

namespace {

// How a child that does only this has ended.
int fate(const std::function<void()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    act();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void no_socket(int family, int type, int protocol) {
  EXPECT_LT(::socket(family, type, protocol), 0) << family << " " << type << " " << protocol;
}

// The kernel looks at the low half of such an argument alone; so must the filter.
constexpr long kHigh = 1L << 32;

TEST(Inside, DISABLED_NothingThatIsForbiddenWorks) {
  no_socket(AF_INET, SOCK_STREAM, 262);  // MPTCP
  no_socket(AF_INET6, SOCK_STREAM, 262);
  no_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  no_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
  no_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
  for (const int family : {AF_PACKET, AF_VSOCK, AF_ALG, AF_KEY, AF_BLUETOOTH, AF_CAN, AF_TIPC, AF_XDP, AF_QIPCRTR})
    no_socket(family, SOCK_STREAM, 0);
  no_socket(AF_NETLINK, SOCK_RAW, 9);  // NETLINK_AUDIT
  EXPECT_LT(::syscall(SYS_socket, AF_PACKET | kHigh, SOCK_RAW, 0), 0);
  EXPECT_LT(::syscall(SYS_socket, AF_INET, SOCK_STREAM | kHigh, 262 | kHigh), 0);

  const int tcp = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(tcp, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(0xC0000201);  // 192.0.2.1, documentation
  EXPECT_LT(::sendto(tcp, "x", 1, MSG_FASTOPEN, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  EXPECT_EQ(errno, EPERM);
  const int yes = 1;
  EXPECT_LT(::setsockopt(tcp, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &yes, sizeof yes), 0);
  EXPECT_EQ(errno, EPERM);
  EXPECT_LT(::syscall(SYS_setsockopt, tcp, IPPROTO_TCP | kHigh, TCP_FASTOPEN_CONNECT | kHigh, &yes, sizeof yes), 0);
  EXPECT_EQ(errno, EPERM);
  EXPECT_LT(::connect(tcp, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  EXPECT_THAT(errno, ::testing::AnyOf(ENETUNREACH, EACCES));

  for (const int flag : {CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID}) {
    EXPECT_LT(::unshare(flag), 0);
    EXPECT_LT(::syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0), 0);
  }
  EXPECT_LT(::syscall(SYS_clone3, nullptr, 0), 0);
  EXPECT_EQ(errno, ENOSYS);
  EXPECT_LT(::mount("none", "/tmp", "tmpfs", 0, nullptr), 0);
  EXPECT_LT(::chroot("/"), 0);
  for (const long call : {SYS_io_uring_setup,
                          SYS_bpf,
                          SYS_keyctl,
                          SYS_add_key,
                          SYS_request_key,
                          SYS_userfaultfd,
                          SYS_perf_event_open,
                          SYS_open_by_handle_at,
                          SYS_kexec_load,
                          SYS_init_module,
                          SYS_finit_module,
                          SYS_process_vm_readv,
                          SYS_process_vm_writev,
                          SYS_pidfd_getfd,
                          SYS_kcmp,
                          SYS_setns,
                          SYS_reboot,
                          SYS_swapon,
                          SYS_syslog,
                          SYS_fsopen,
                          SYS_open_tree,
                          SYS_move_mount,
                          SYS_iopl,
                          SYS_modify_ldt}) {
    EXPECT_LT(::syscall(call, 0, 0, 0, 0, 0, 0), 0) << call;
    EXPECT_EQ(errno, EPERM) << call;
  }
  EXPECT_LT(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr), 0);
  EXPECT_LT(::syscall(SYS_ioctl, 0, 0x5412 | kHigh, "x"), 0);
  EXPECT_EQ(errno, EPERM);
  EXPECT_LT(::syscall(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */), 0);
  EXPECT_LT(::setuid(::getuid() + 1), 0);

  // Our own process next door.
  EXPECT_LT(::open("/proc/1/environ", O_RDONLY), 0);
  EXPECT_LT(::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, nullptr), 0);
  EXPECT_LT(::open("/proc/1/mem", O_RDWR), 0);
  EXPECT_LT(::open("/proc/sys/kernel/core_pattern", O_WRONLY), 0);
  EXPECT_LT(::open("/proc/sysrq-trigger", O_WRONLY), 0);
  EXPECT_LT(::open("/dev/kmsg", O_RDONLY), 0);
  EXPECT_LT(::open("/proc/kmsg", O_RDONLY), 0);
  EXPECT_LT(::open("/proc/kcore", O_RDONLY), 0);
  EXPECT_LT(::open("/dev/fuse", O_RDWR), 0);
  EXPECT_LT(::open("/dev/vda", O_RDONLY), 0);
  EXPECT_LT(::mkdir("/sys/kernel/config/tsm/report/mine", 0700), 0);
  EXPECT_LT(::creat("/usr/mine", 0600), 0);

  // getpid() by the numbers of the other ABIs.
  EXPECT_EQ(fate([] { (void)::syscall(0x40000000 | SYS_getpid); }), 128 + SIGSYS);
  EXPECT_EQ(fate([] {
              int number = 20;
              asm volatile("int $0x80" : "+a"(number) : : "memory");
            }),
            128 + SIGSYS);
}

TEST(Inside, DISABLED_WhatServersNeedWorks) {
  std::thread([] {}).join();
  EXPECT_EQ(fate([] { ::_exit(5); }), 5);
  EXPECT_EQ(std::system("exit 3"), 3 << 8);
  const int memory = ::memfd_create("mine", MFD_CLOEXEC);
  EXPECT_GE(memory, 0);
  void* const code = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(code, MAP_FAILED);
  std::array<int, 2> pair{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  EXPECT_GE(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP), 0);
  EXPECT_GE(::open("/dev/urandom", O_RDONLY), 0);
  EXPECT_GE(::open("/dev/null", O_RDWR), 0);
  EXPECT_GE(::open("/proc/self/status", O_RDONLY), 0);
  EXPECT_GE(::open("/proc/meminfo", O_RDONLY), 0);
  EXPECT_GE(::open("/etc/passwd", O_RDONLY), 0);
  EXPECT_GT(::sysconf(_SC_NPROCESSORS_ONLN), 0);
  EXPECT_EQ(::kill(::getpid(), 0), 0);
}

TEST(Inside, DISABLED_AnswersOnce) {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(std::atoi(std::getenv("PORT"))));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(listening, 5), 0);
  const int client = ::accept(listening, nullptr, nullptr);
  ASSERT_EQ(::write(client, "inside", 6), 6);
}

}  // namespace
