// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>

#include "blindbox/wrap/internal/application.h"

namespace blindbox::wrap::internal {
namespace {

using base::fail;

constexpr std::uint16_t kPortOf2023 = 80;  // that every application of BlindBox had to listen on

// The TCP ports among "8080", "8080/tcp", "53/udp".
std::vector<std::uint16_t> tcp_ports(const std::vector<std::string>& exposed) {
  std::vector<std::uint16_t> out;
  for (const std::string& text : exposed) {
    const std::size_t slash = text.find('/');
    if (slash != std::string::npos && text.substr(slash) != "/tcp") continue;
    const char* const end = text.data() + std::min(slash, text.size());
    std::uint16_t port = 0;
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    if (error == std::errc{} && stop == end && port != 0) out.push_back(port);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<std::uint16_t> choose_port(const image::Config& config, std::vector<std::string>& notes) {
  const auto ports = tcp_ports(config.exposed_ports);
  if (ports.size() == 1) return ports.front();
  if (ports.empty()) {
    notes.push_back(fmt::format("the image exposes no port; {} is taken (blindbox.yml: port)", kPortOf2023));
    return kPortOf2023;
  }
  return fail(
      ErrorKind::usage, fmt::format("the image exposes {} ports: {}", ports.size(), fmt::join(ports, ", ")), "",
      "say in blindbox.yml which one the application answers on, as in \"port: " + std::to_string(ports[0]) + "\"");
}

// As Docker: the later of two values of a variable counts.
std::vector<std::string> unique_variables(const std::vector<std::string>& environment) {
  std::vector<std::string> out;
  for (const std::string& entry : environment) {
    if (entry.find('=') == std::string::npos) continue;  // unset, says Docker
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    const auto same = [name](const std::string& other) {
      return std::string_view(other).substr(0, other.find('=')) == name;
    };
    const auto found = std::find_if(out.begin(), out.end(), same);
    if (found != out.end()) {
      *found = entry;
    } else {
      out.push_back(entry);
    }
  }
  return out;
}

// "SIGQUIT", "QUIT", "quit" and "3" are one (moby, ParseSignal).
std::string stop_signal(const std::string& given, std::vector<std::string>& notes) {
  if (given.empty()) return "SIGTERM";
  std::string name = given;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  int number = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc{} && stop == name.data() + name.size()) {
    const char* const abbreviation = sigabbrev_np(number);
    name = abbreviation == nullptr ? name : abbreviation;
  }
  if (!name.starts_with("SIG")) name = "SIG" + name;
  if (specification::stop_signal_number(name)) return name;
  notes.push_back("the image's stop signal " + given + " asks no process to end; SIGTERM is sent");
  return "SIGTERM";
}

void note_what_is_left_out(const specification::Specification& settings, const image::Config& config,
                           std::vector<std::string>& notes) {
  for (const std::string& volume : config.volumes) {
    const auto covers = [&volume](const specification::Writable& entry) {
      return volume == entry.path || volume.starts_with(entry.path + "/");
    };
    if (std::any_of(settings.writable.begin(), settings.writable.end(), covers)) continue;
    notes.push_back("the image declares the volume " + volume +
                    ", which would lie outside of the enclave; it is read-only unless listed under writable");
  }
}

}  // namespace

Result<specification::Specification> complete(specification::Specification settings, const image::Config& config,
                                              std::vector<std::string>& notes) {
  specification::Application& application = settings.application;
  application.command = config.entrypoint;
  application.command.insert(application.command.end(), config.cmd.begin(), config.cmd.end());
  if (application.command.empty()) {
    return fail(ErrorKind::usage, "the image has neither entrypoint nor cmd, so there is nothing to run", "",
                "set one in its Dockerfile");
  }
  application.user = config.user;
  application.environment = unique_variables(config.env);
  // As Docker: a relative one is below the root.
  application.working_directory = config.working_dir.starts_with('/') ? config.working_dir : "/" + config.working_dir;
  while (application.working_directory.size() > 1 && application.working_directory.back() == '/') {
    application.working_directory.pop_back();
  }
  application.stop_signal = stop_signal(config.stop_signal, notes);
  if (settings.port == 0) {
    auto port = choose_port(config, notes);
    if (!port) return base::pass_on(port);
    settings.port = *port;
  }
  note_what_is_left_out(settings, config, notes);
  return settings;
}

}  // namespace blindbox::wrap::internal
