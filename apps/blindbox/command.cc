// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>

#include "blindbox/base/file.h"

namespace blindbox::apps {

int report(const Error& error) {
  fmt::print(stderr, "{}\n", base::to_string(error));
  return base::exit_code(error.kind);
}

void run_until_signal(boost::asio::io_context& io, std::function<net::Task<void>()> on_signal) {
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const net::error_code& error, int) {
    if (error) return;
    signals.async_wait([](const net::error_code& again, int number) {
      if (!again) std::_Exit(128 + number);
    });
    boost::asio::co_spawn(io, on_signal(), [&](const std::exception_ptr&) { io.stop(); });
  });
  io.run();
}

Result<policy::Policy> load_policy(const std::string& path) {
  auto text = base::read_file(path, policy::kPolicyCap);
  if (!text) {
    return base::fail(ErrorKind::policy, text.error().what, text.error().detail,
                      "the provider of the server hands out its policy; \"blindbox serve --print-policy\" writes it");
  }
  return policy::parse_policy(base::as_text(*text), path);
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
    if (std::filesystem::is_regular_file(candidate, error)) return std::filesystem::weakly_canonical(candidate, error).string();
  }
  return std::nullopt;
}

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

}  // namespace blindbox::apps
