// SPDX-License-Identifier: Apache-2.0
// The control: where nothing holds it, each attempt gets out. An attempt that never could would prove nothing. What this
// machine cannot show, for want of a device, a privilege or a part of the kernel, is listed with its reason.
#include "blindbox/probe/probe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pty.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>

#include "blindbox/base/fd.h"

namespace blindbox::probe {
namespace {

using ::testing::IsEmpty;

bool is_root() { return ::geteuid() == 0; }

std::uint16_t bind_loopback(const base::Fd& fd) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), length) != 0) return 0;
  (void)::listen(fd.get(), 128);
  (void)::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &length);
  return ntohs(at.sin_port);
}

base::Fd listen_unix(const std::string& name) {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), at.sun_path);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), length), 0);
  EXPECT_EQ(::listen(fd.get(), 128), 0);
  return fd;
}

// A process that stands for init: it belongs to a session of its own and waits.
class Victim {
 public:
  Victim() {
    pid_ = ::fork();
    if (pid_ == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
      (void)::setsid();
      while (true) (void)::pause();
    }
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim() {
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

class Folder {
 public:
  Folder() { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/blindbox-probe-test-XXXXXX";
};

// One attempt in a process of its own that changes as it likes before; what it does to itself ends with it.
Attempt run_in(const Settings& settings, const std::string& id, const std::function<void()>& prepare) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const base::Fd from(ends[0]);
  base::Fd to(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    prepare();
    const std::string text = encode({settings.nonce, {run_one(settings, id)}});
    (void)!::write(to.get(), text.data(), text.size());
    ::_exit(0);
  }
  to.reset();
  std::string text(8192, '\0');
  const ssize_t got = ::read(from.get(), text.data(), text.size());
  (void)::waitpid(pid, nullptr, 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  auto report = decode(text);
  if (!report) return {id, "", Outcome::not_applicable, 0, "no report: " + report.error().detail};
  return report->attempts.front();
}

class Control : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!is_root()) GTEST_SKIP() << "only root is held by nothing";
    settings.init = victim.pid();
    settings.tcp = {{"127.0.0.1", 0}};
    base::Fd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    settings.tcp[0].port = bind_loopback(tcp);
    listeners.push_back(std::move(tcp));
    base::Fd mptcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262));
    if (mptcp) settings.tcp.push_back({"127.0.0.1", bind_loopback(mptcp)});
    listeners.push_back(std::move(mptcp));
    settings.unix_abstract = {"blindbox-probe-test-" + std::to_string(::getpid())};
    listeners.push_back(listen_unix(std::string(1, '\0') + settings.unix_abstract[0]));
    settings.unix_paths = {folder.path() + "/socket"};
    listeners.push_back(listen_unix(settings.unix_paths[0]));
    settings.device_folder = folder.path();
    make_devices();
  }
  // Nodes of the names that are tried, before devices that every machine has; this shows the attempt, not the device.
  void make_devices() const {
    for (const char* const name : {"sev-guest", "mem", "kmsg", "fuse"}) {
      EXPECT_EQ(::mknod((folder.path() + "/" + name).c_str(), S_IFCHR | 0600, makedev(1, 3)), 0);
    }
  }
  // What has to be so for an attempt to get out.
  std::map<std::string, std::function<void()>> preparations() {
    return {
        {"mount.new", own_mounts},
        {"mount.proc", own_mounts},
        {"mount.bind", own_mounts},
        {"mount.take_away", own_mounts},
        {"icmp.open",
         [] {
           (void)::unshare(CLONE_NEWNET);
           std::ofstream("/proc/sys/net/ipv4/ping_group_range") << "0 2147483647";
         }},
        {"descriptors.inherit", [] { (void)::dup2(0, 77); }},
        {"limits.raise",
         [] {
           const rlimit low{64, 64};
           (void)::setrlimit(RLIMIT_NOFILE, &low);
         }},
        {"identity.setuid_program", [] { (void)!::setresuid(1000, 1000, 1000); }},
        {"terminal.type",
         [] {
           int master = -1, slave = -1;
           (void)::openpty(&master, &slave, nullptr, nullptr, nullptr);
           (void)::setsid();
           (void)::ioctl(slave, TIOCSCTTY, 0);
           (void)::dup2(slave, 0);
         }},
    };
  }
  static void own_mounts() {
    (void)::unshare(CLONE_NEWNS);
    (void)::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  }

  Victim victim;
  Folder folder;
  Settings settings;
  std::vector<base::Fd> listeners;
};

// What keeps this machine from showing an attempt's success. Each is allowed to escape as well: other machines can.
const std::map<std::string, std::string>& cannot_be_shown() {
  static const std::map<std::string, std::string> reasons = {
      {"mptcp.connect", "needs a kernel with Multipath TCP"},
      {"mptcp.fast_open", "needs a kernel with Multipath TCP"},
      {"sctp.connect", "needs a kernel with SCTP"},
      {"udplite.send", "needs a kernel with UDP-Lite"},
      {"vsock.open", "needs a kernel with vsock"},
      {"abi.x32", "needs a kernel with x32"},
      {"abi.i386", "needs a kernel with i386's system calls"},
      {"device.tsm", "needs a kernel with configfs-tsm, in a confidential guest"},
      {"device.block", "needs a block device in the folder of devices"},
      {"module.load", "needs a kernel that loads modules"},
      {"module.load_file", "needs a kernel that loads modules"},
      {"module.unload", "needs a kernel that loads modules"},
      {"kexec.load", "needs a kernel with kexec"},
      {"kexec.load_file", "needs a kernel with kexec"},
      {"swap", "needs a kernel with swap"},
      {"accounting", "needs a kernel with process accounting"},
      {"files.watch", "needs a kernel with fanotify's permissions"},
      {"keys.add", "needs a kernel with keyrings"},
      {"keys.control", "needs a kernel with keyrings"},
      {"keys.request", "needs a kernel with keyrings"},
      {"perf", "needs a kernel with performance counters"},
      {"userfaultfd", "needs a kernel with userfaultfd"},
      {"bpf", "needs a kernel with BPF"},
      {"init.compare", "needs a kernel with kcmp"},
      {"terminal.type", "needs a kernel with TIOCSTI"},
      {"limits.raise", "needs CAP_SYS_RESOURCE"},
      {"sys.write", "needs settings in /sys that this kernel may lack"},
      {"sys.debug", "needs a mounted debugfs or tracefs"},
      {"proc.sysrq.write", "needs a kernel with SysRq"},
      {"cgroup.write", "needs mounted control groups"},
      {"ports", "needs the machine's ports"},
  };
  return reasons;
}

TEST_F(Control, EveryAttemptGetsOutWhereNothingHoldsIt) {
  const auto prepare = preparations();
  std::vector<std::string> held, shown_despite;
  for (const Description& one : catalogue()) {
    if (one.id.starts_with("quota.") || one.id == "udp.send" || one.id == "udplite.send") continue;  // shown below
    const auto how = prepare.find(one.id);
    const Attempt attempt = how == prepare.end() ? run_one(settings, one.id) : run_in(settings, one.id, how->second);
    if (attempt.outcome == Outcome::escaped) continue;
    const auto reason = cannot_be_shown().find(one.id);
    const std::string line = one.id + ": " + std::string(outcome_name(attempt.outcome)) + ", " + attempt.detail;
    if (reason == cannot_be_shown().end()) {
      held.push_back(line);
    } else {
      std::printf("not shown on this machine: %s (%s)\n", line.c_str(), reason->second.c_str());
    }
  }
  EXPECT_THAT(held, IsEmpty());
}

TEST_F(Control, DatagramsGetOutWhereSomebodyAnswers) {
  base::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  settings.udp = {{"127.0.0.1", bind_loopback(socket)}};
  const pid_t echo = ::fork();
  if (echo == 0) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::array<char, 64> datagram{};
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        ::recvfrom(socket.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    (void)::sendto(socket.get(), datagram.data(), static_cast<std::size_t>(got), 0,
                   reinterpret_cast<const sockaddr*>(&from), length);
    ::_exit(0);
  }
  // What is given is tried first: the answer decided.
  const Attempt answered = run_one(settings, "udp.send");
  EXPECT_EQ(answered.outcome, Outcome::escaped) << answered.detail;
  EXPECT_THAT(answered.detail, ::testing::HasSubstr("127.0.0.1"));
  (void)::kill(echo, SIGKILL);
  (void)::waitpid(echo, nullptr, 0);
}

TEST_F(Control, QuotasAreExceededWhereThereAreNone) {
  settings.writable = {{folder.path(), 4096}};
  settings.quotas = {std::uint64_t{1} << 20, 8, 4096, 64};
  for (const char* const id :
       {"quota.processes", "quota.open_files", "quota.memory", "quota.file_size", "quota.space"}) {
    const Attempt attempt = run_one(settings, id);
    EXPECT_EQ(attempt.outcome, Outcome::escaped) << id << ": " << attempt.detail;
  }
}

TEST_F(Control, QuotasHold) {
  settings.writable = {{folder.path(), 1 << 20}};
  settings.quotas = {std::uint64_t{1} << 30, 8, 4096, 64};
  const auto hold = [&] {
    const auto limit = [](auto which, rlim_t most) {
      const rlimit both{most, most};
      EXPECT_EQ(::setrlimit(which, &both), 0);
    };
    limit(RLIMIT_AS, rlim_t{512} << 20);
    limit(RLIMIT_FSIZE, 4096);
    limit(RLIMIT_NOFILE, 64);
    own_mounts();
    EXPECT_EQ(::mount("none", folder.path().c_str(), "tmpfs", 0, "size=65536"), 0);
  };
  for (const char* const id : {"quota.open_files", "quota.memory", "quota.file_size", "quota.space"}) {
    const Attempt attempt = run_in(settings, id, hold);
    EXPECT_EQ(attempt.outcome, Outcome::blocked) << id << ": " << attempt.detail;
  }
}

// One system call answered in one way, everything else allowed.
base::Fd filter(long call, unsigned action) {
  const std::array<sock_filter, 4> program = {sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
                                              sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<unsigned>(call)},
                                              sock_filter{BPF_RET | BPF_K, 0, 0, action},
                                              sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog both{4, const_cast<sock_filter*>(program.data())};
  const unsigned flags = action == SECCOMP_RET_USER_NOTIF ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0U;
  return base::Fd(static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &both)));
}

TEST_F(Control, AKillIsBlockedAndStopsNothingElse) {
  const Attempt killed = run_in(settings, "bpf", [] { (void)filter(SYS_bpf, SECCOMP_RET_KILL_PROCESS); });
  EXPECT_EQ(killed.outcome, Outcome::blocked);
  EXPECT_EQ(killed.detail, "killed by SIGSYS");
}

TEST_F(Control, AHangIsBlockedWhenItsTimeIsUp) {
  settings.deadline = std::chrono::milliseconds(50);
  base::Fd listener;
  const Attempt hung = run_in(settings, "bpf", [&] { listener = filter(SYS_bpf, SECCOMP_RET_USER_NOTIF); });
  EXPECT_EQ(hung.outcome, Outcome::blocked);
  EXPECT_EQ(hung.detail, "no answer within 50 ms");
}

TEST(Probe, NamesEachAttemptOnce) {
  std::map<std::string, int> seen;
  for (const Description& one : catalogue()) {
    EXPECT_EQ(++seen[one.id], 1) << one.id;
    EXPECT_FALSE(one.tries.empty()) << one.id;
  }
  for (const auto& [id, reason] : cannot_be_shown()) EXPECT_EQ(seen.count(id), 1U) << id << " is no attempt";
  EXPECT_LE(seen.size(), kMostAttempts);
}

TEST(Probe, AnUnknownAttemptIsNotBlocked) { EXPECT_EQ(run_one({}, "none").outcome, Outcome::not_applicable); }

}  // namespace
}  // namespace blindbox::probe
