// SPDX-License-Identifier: Apache-2.0
// Debian's docker-registry on a loopback port, and other people's tools.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "blindbox/image/testing.h"
#include "blindbox/net/connect.h"
#include "blindbox/net/testing.h"

namespace blindbox::image {

using testing::Folder;

inline bool installed(const std::string& tool) {
  return std::system(("command -v " + tool + " >/dev/null 2>&1").c_str()) == 0;
}

// Nothing but words without blanks; the output is shown where it fails.
inline int sh(const std::string& command) { return std::system(("exec 2>&1; " + command).c_str()); }

// docker-registry says nothing of a port that it chose, so one is chosen for it; another's claim on it is seen, since
// the process then ends.
class RealRegistry {
 public:
  // tls: what its configuration says of http.tls, in braces; none: plain HTTP.
  explicit RealRegistry(const Folder& folder, const std::string& tls = "") : tls_(tls) {
    for (int attempt = 0; attempt < 10 && !start(folder); ++attempt) {
    }
  }
  RealRegistry(const RealRegistry&) = delete;
  RealRegistry& operator=(const RealRegistry&) = delete;
  ~RealRegistry() { end(); }
  [[nodiscard]] std::string host() const { return host_; }
  [[nodiscard]] bool runs() const { return pid_ > 0; }

 private:
  bool start(const Folder& folder) {
    boost::asio::io_context loop;
    std::uint16_t port = 0;
    {
      auto acceptor = net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value();
      port = net::testing::port_of(acceptor.native_handle());
    }
    host_ = "127.0.0.1:" + std::to_string(port);
    const std::string config = folder / "registry.yml";
    testing::write(config,
                   "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + (folder / "registry") +
                       "}}\nhttp: {addr: \"" + host_ + "\"" + (tls_.empty() ? "" : ", tls: " + tls_) + "}\n");
    const std::string log = folder / "registry.log";
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
    std::string program = "docker-registry", verb = "serve", argument = config;
    char* argv[] = {program.data(), verb.data(), argument.data(), nullptr};
    const bool spawned = ::posix_spawnp(&pid_, program.c_str(), &actions, nullptr, argv, environ) == 0;
    ::posix_spawn_file_actions_destroy(&actions);
    if (!spawned) return false;
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < patience) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return false;
      }
      if (net::testing::run(loop, net::connect_tcp({"127.0.0.1", port}, std::chrono::seconds(1)))) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    end();
    return false;
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  std::string tls_;
  pid_t pid_ = -1;
  std::string host_;
};

#define NEEDS(tool) \
  if (!installed(tool)) GTEST_SKIP() << "needs " tool ", which is not installed"

}  // namespace blindbox::image
