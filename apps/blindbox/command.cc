// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <csignal>
#include <filesystem>

#include "blindbox/base/file.h"

namespace blindbox::apps {

int report(const Error& error) {
  // Names of files and texts of servers are others' words: no control character of theirs reaches the terminal.
  std::string text = base::to_string(error);
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F) c = '?';
  }
  fmt::print(stderr, "{}\n", text);
  return base::exit_code(error.kind);
}

Signals::Signals(boost::asio::io_context& io) : io_(io), set_(io, SIGINT, SIGTERM) { wait(); }

void Signals::wait() {
  set_.async_wait([this](const net::error_code& error, int number) {
    if (error) return;
    if (caught_) {
      status_ = 128 + number;
      io_.stop();
      return;
    }
    caught_ = true;
    wait();
    if (on_signal_) begin();
  });
}

void Signals::begin() {
  boost::asio::co_spawn(io_, on_signal_(), [this](const std::exception_ptr&) { io_.stop(); });
}

bool Signals::caught() {
  io_.poll();
  return caught_;
}

int Signals::run(std::function<net::Task<void>()> on_signal) {
  on_signal_ = std::move(on_signal);
  if (caught_) begin();
  io_.run();
  return status_;
}

Result<policy::Policy> load_policy(const std::string& path) {
  auto text = base::read_file(path, policy::kPolicyCap);
  if (!text) {
    return base::fail(ErrorKind::policy, text.error().what, text.error().detail,
                      "the provider of the server hands out its policy; \"blindbox serve --print-policy\" writes it");
  }
  return policy::parse_policy(base::as_text(*text), path);
}

Result<net::HostPort> loopback_only(net::HostPort at, const std::string& what) {
  net::error_code error;
  const auto address = boost::asio::ip::make_address(at.host, error);
  if (at.host != "localhost" && (error || !address.is_loopback())) {
    return base::fail(ErrorKind::usage, what + ": " + at.text(), "",
                      "requests travel in clear there, so no other machine may be on it: use 127.0.0.1, [::1] or "
                      "localhost");
  }
  return at;
}

Result<void> protect_memory() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return base::fail(ErrorKind::platform, "this process cannot be made undumpable");
  }
  return {};
}

void raise_descriptor_limit() {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
}

Result<base::Sha256> parse_sha256(const std::string& hex) {
  auto bytes = base::from_hex(hex);
  base::Sha256 digest{};
  if (!bytes || bytes->size() != digest.size()) {
    return base::fail(ErrorKind::usage, "not a SHA-256 digest: " + hex, "",
                      "write 64 hexadecimal digits, as sha256sum prints them");
  }
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

std::optional<std::string> embedded_model() {
  constexpr const char* kName = "models/blindbox-tiny-python.gguf";
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& candidate : {self / "../../.." / kName, self / "../share/blindbox" / kName}) {
    if (std::filesystem::is_regular_file(candidate, error))
      return std::filesystem::weakly_canonical(candidate, error).string();
  }
  return std::nullopt;
}

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

}  // namespace blindbox::apps
