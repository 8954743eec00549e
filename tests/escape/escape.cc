// SPDX-License-Identifier: Apache-2.0
// usage: escape-suite bare | sandboxed TIER USER EGRESS      EGRESS: the proxy's port inside, 0 for none
// Prints a line of JSON: {"posture":...,"report":...}. 0: nothing escaped; 5: something did; otherwise it could not be told.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "blindbox/probe/inside.h"
#include "blindbox/sandbox/helper.h"
#include "blindbox/sandbox/sandbox.h"

namespace {

namespace base = blindbox::base;
namespace probe = blindbox::probe;
namespace sandbox = blindbox::sandbox;
using blindbox::Result;

constexpr int kMptcp = 262;
constexpr auto kName = "blindbox-escape-outside";
constexpr auto kSocket = "/outside/socket";

// Whoever is outside: this process, and an echo of datagrams.
class Outside {
 public:
  explicit Outside(probe::Settings& settings) {
    for (const int protocol : {0, kMptcp}) {
      if (const auto port = listen(SOCK_STREAM, protocol)) settings.tcp.push_back({"127.0.0.1", port});
    }
    if (const auto port = listen(SOCK_DGRAM, 0)) settings.udp.push_back({"127.0.0.1", port});
    echo(sockets_.back().get());
    if (listen_unix(std::string(1, '\0') + kName)) settings.unix_abstract = {kName};
    if (listen_unix(kSocket)) settings.unix_paths = {kSocket};
    (void)::chmod(kSocket, 0777);
  }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  ~Outside() {
    if (echo_ > 0) ::kill(echo_, SIGKILL);
  }

 private:
  std::uint16_t listen(int type, int protocol) {
    base::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, protocol));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), length) != 0) return 0;
    if (type == SOCK_STREAM && ::listen(fd.get(), 64) != 0) return 0;
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &length) != 0) return 0;
    sockets_.push_back(std::move(fd));
    return ntohs(at.sin_port);
  }
  bool listen_unix(const std::string& name) {
    base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), at.sun_path);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), length) != 0 || ::listen(fd.get(), 64) != 0) {
      std::fprintf(stderr, "escape-suite: cannot listen on %s\n", name.c_str());
      return false;
    }
    sockets_.push_back(std::move(fd));
    return true;
  }
  void echo(int socket) {
    echo_ = ::fork();
    if (echo_ != 0) return;
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::array<char, 64> datagram{};
    while (true) {
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const ssize_t got =
          ::recvfrom(socket, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (got < 0) ::_exit(0);
      (void)::sendto(socket, datagram.data(), static_cast<std::size_t>(got), 0,
                     reinterpret_cast<const sockaddr*>(&from), length);
    }
  }

  std::vector<base::Fd> sockets_;
  pid_t echo_ = -1;
};

sandbox::Settings sandbox_settings(const std::string& tier, const std::string& user, std::uint16_t egress) {
  sandbox::Settings settings;
  settings.application.user = user;
  settings.application.environment = {"PATH=/bin"};
  settings.port = 8080;
  settings.writable = {{"/data", std::uint64_t{1} << 20}};
  settings.limits = {std::uint64_t{64} << 20, 32, std::uint64_t{1} << 20, 128};
  settings.egress_port = egress;
  settings.minimum_tier = sandbox::Tier::filtered;
  for (const auto known : {sandbox::Tier::filtered, sandbox::Tier::namespaces, sandbox::Tier::confined}) {
    if (tier == blindbox::specification::tier_name(known)) settings.maximum_tier = known;
  }
  return settings;
}

probe::Settings probe_settings() {
  probe::Settings settings;
  struct stat network {};
  if (::stat("/proc/self/ns/net", &network) == 0) settings.outside_network = network.st_ino;
  settings.init = ::getpid();
  settings.application_port = 8080;
  // Every sandbox has /dev/shm besides: its own where it has devices of its own.
  settings.writable = {{"/data", std::uint64_t{1} << 20}, {"/dev/shm", 0}};
  return settings;
}

std::string read_all(int fd) {
  std::string all;
  std::array<char, 4096> piece{};
  for (ssize_t got = ::read(fd, piece.data(), piece.size()); got > 0; got = ::read(fd, piece.data(), piece.size())) {
    all.append(piece.data(), static_cast<std::size_t>(got));
  }
  return all;
}

int tell(const std::string& posture, const Result<probe::Report>& report) {
  if (!report) {
    std::fprintf(stderr, "escape-suite: no report: %s\n", base::to_string(report.error()).c_str());
    return 1;
  }
  std::printf("{\"posture\":%s,\"report\":%s}\n", posture.c_str(), probe::encode(*report).c_str());
  return report->count(probe::Outcome::escaped) > 0 ? 5 : 0;
}

int run_sandboxed(const std::string& tier, const std::string& user, std::uint16_t egress) {
  (void)sandbox::protect_process();  // as init protects itself
  auto inside = probe_settings();
  auto settings = sandbox_settings(tier, user, egress);
  inside.quotas = {settings.limits.memory, settings.limits.processes, settings.limits.file_size,
                   settings.limits.open_files};
  const Outside outside(inside);
  const base::Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  std::array<int, 2> ends{};
  if (!self || ::pipe2(ends.data(), O_CLOEXEC) != 0) return 1;
  const base::Fd from(ends[0]);
  base::Fd to(ends[1]);
  settings.executable = self.get();
  settings.application.command = {"prober", "inside", probe::encode_settings(inside)};
  settings.output = to.get();
  settings.error = STDERR_FILENO;
  auto running = sandbox::start(settings);
  to.reset();
  if (!running) {
    std::fprintf(stderr, "escape-suite: no sandbox: %s\n", base::to_string(running.error()).c_str());
    return 1;
  }
  const auto report = probe::decode(read_all(from.get()));
  const int status = running->wait();
  if (status != 0) std::fprintf(stderr, "escape-suite: the prober ended with status %d\n", status);
  return tell(sandbox::to_json(running->posture()), report);
}

// Its process 1 is this one, which it must not take for its own.
int run_bare() {
  auto settings = probe_settings();
  const Outside outside(settings);
  const pid_t init = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  (void)::setsid();
  settings.init = init;
  const int ended = tell("null", probe::run_all(settings));
  std::fflush(stdout);
  ::_exit(ended);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  (void)std::signal(SIGPIPE, SIG_IGN);
  if (arguments.size() == 2 && arguments[0] == "inside") return probe::run_inside(arguments[1]);
  if (arguments.size() == 1 && arguments[0] == "bare") return run_bare();
  if (arguments.size() == 4 && arguments[0] == "sandboxed") {
    return run_sandboxed(arguments[1], arguments[2], static_cast<std::uint16_t>(std::atoi(arguments[3].c_str())));
  }
  std::fprintf(stderr, "usage: escape-suite bare | sandboxed TIER USER EGRESS\n");
  return 2;
}
