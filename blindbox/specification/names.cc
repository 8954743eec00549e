// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include <charconv>
#include <csignal>
#include <set>

#include "blindbox/specification/internal/names.h"

namespace blindbox::specification {

std::string_view tier_name(Tier tier) { return internal::name_of(internal::kTiers, tier); }

std::optional<int> stop_signal_number(std::string_view name) {
  return internal::find_name(internal::kStopSignals, name);
}

namespace internal {
namespace {

using base::fail;

struct Number {
  std::uint64_t value = 0;
  std::string_view unit;
};

std::optional<Number> number_and_unit(std::string_view text) {
  Number out;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out.value);
  if (error != std::errc{}) return std::nullopt;
  out.unit = {stop, static_cast<std::size_t>(end - stop)};
  return out;
}

std::optional<std::uint64_t> scaled(std::uint64_t value, std::uint64_t factor, std::uint64_t most) {
  return value <= most / factor ? std::optional(value * factor) : std::nullopt;
}

bool is_label(std::string_view label) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !label.empty() && label.size() <= 63 && std::all_of(label.begin(), label.end(), plain) &&
         label.front() != '-' && label.back() != '-';
}

// A host name in lower case, labels of RFC 1123 and underscores.
bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  while (true) {
    const std::size_t dot = host.find('.');
    if (!is_label(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

// One spelling per address, so that equal specifications have equal bytes.
std::optional<std::string> canonical_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, host.c_str(), bytes.data()) != 1) continue;
    if (inet_ntop(family, bytes.data(), text.data(), text.size()) != nullptr) return std::string(text.data());
  }
  return std::nullopt;
}

// Digits and dots alone would be read as an address by some and as a name by others.
bool looks_numeric(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !last.empty() && std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_normal_path(std::string_view path) {
  if (path.empty() || path.front() != '/' || path.size() > 4096 || path.find('\0') != std::string_view::npos)
    return false;
  if (path == "/") return true;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    path.remove_prefix(part.size());
  }
  return true;
}

bool is_within(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || folder == "/" || path[folder.size()] == '/');
}

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && name.size() <= 256 && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// Variables by which whoever starts the container could run code of theirs in the application.
bool steers_the_loader(std::string_view name) {
  static constexpr std::array kNames = {
      std::string_view{"PATH"},          std::string_view{"PYTHONPATH"},       std::string_view{"PYTHONSTARTUP"},
      std::string_view{"PYTHONHOME"},    std::string_view{"NODE_OPTIONS"},     std::string_view{"NODE_PATH"},
      std::string_view{"PERL5LIB"},      std::string_view{"PERL5OPT"},         std::string_view{"RUBYOPT"},
      std::string_view{"RUBYLIB"},       std::string_view{"BASH_ENV"},         std::string_view{"ENV"},
      std::string_view{"CLASSPATH"},     std::string_view{"GCONV_PATH"},       std::string_view{"JAVA_TOOL_OPTIONS"},
      std::string_view{"_JAVA_OPTIONS"}, std::string_view{"JDK_JAVA_OPTIONS"}, std::string_view{"GLIBC_TUNABLES"}};
  return name.starts_with("LD_") || name.ends_with("_PROXY") || name.ends_with("_proxy") ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string problem_of_writable(const std::vector<Writable>& writable) {
  for (std::size_t i = 0; i < writable.size(); ++i) {
    const Writable& entry = writable[i];
    if (!is_normal_path(entry.path) || entry.path == "/") {
      return "writable: \"" + entry.path + "\" is no absolute path without \".\", \"..\" and double slashes";
    }
    for (const std::string_view kept :
         {std::string_view("/proc"), std::string_view("/dev"), std::string_view("/sys"), kFolder}) {
      // /dev/shm is memory that programs expect.
      if (entry.path != "/dev/shm" && (is_within(entry.path, kept) || is_within(kept, entry.path)))
        return "writable: \"" + entry.path + "\" belongs to blindbox-init";
    }
    if (entry.size == 0) return "writable: \"" + entry.path + "\" has no size";
    for (std::size_t other = 0; other < i; ++other) {
      if (is_within(entry.path, writable[other].path) || is_within(writable[other].path, entry.path))
        return "writable: \"" + entry.path + "\" and \"" + writable[other].path + "\" lie in each other";
    }
  }
  return {};
}

std::string problem_of_passed(const std::vector<std::string>& names) {
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!is_variable_name(name)) return "environment: \"" + name + "\" is no name of a variable";
    if (steers_the_loader(name))
      return "environment: whoever sets " + name +
             " runs code of theirs in the application, or steers where it connects; set it in the image";
    if (!seen.insert(name).second) return "environment: " + name + " stands there twice";
  }
  return {};
}

std::string problem_of_application(const Application& application) {
  if (application.command.empty()) return "the application has no command: the image has neither entrypoint nor cmd";
  if (!is_normal_path(application.working_directory)) {
    return "the working directory \"" + application.working_directory + "\" is no absolute, normal path";
  }
  if (!stop_signal_number(application.stop_signal)) {
    return "the stop signal \"" + application.stop_signal + "\" is none of those that ask a process to end";
  }
  const auto has_zero = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (std::any_of(application.command.begin(), application.command.end(), has_zero) ||
      std::any_of(application.environment.begin(), application.environment.end(), has_zero)) {
    return "a zero byte in the command or the environment";
  }
  std::set<std::string_view> seen;
  for (const std::string& entry : application.environment) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) return "environment: \"" + entry + "\" is not NAME=value";
    if (!seen.insert(std::string_view(entry).substr(0, equals)).second) {
      return "environment: " + entry.substr(0, equals) + " is set twice";
    }
  }
  return {};
}

std::string problem_of_health(const Health& health) {
  const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (!health.path.starts_with('/') || health.path.size() > 1024 ||
      !std::all_of(health.path.begin(), health.path.end(), visible))
    return "health: the path must begin with \"/\" and hold neither spaces nor other than ASCII characters";
  if (health.interval.count() == 0 || health.timeout.count() == 0) return "health: interval and timeout cannot be zero";
  return {};
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::uint64_t kDay = 24ULL * 3600 * 1000;
  const auto read = number_and_unit(text);
  if (!read) return std::nullopt;
  for (const auto& [unit, factor] :
       {std::pair<std::string_view, std::uint64_t>{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}) {
    if (read->unit != unit) continue;
    if (const auto value = scaled(read->value, factor, kDay)) return std::chrono::milliseconds(*value);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 53;
  const auto read = number_and_unit(text);
  if (!read) return std::nullopt;
  for (const auto& [unit, shift] :
       {std::pair<std::string_view, unsigned>{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}) {
    if (read->unit == unit) return scaled(read->value, std::uint64_t{1} << shift, kMost);
  }
  return std::nullopt;
}

Result<Egress> parse_egress(std::string_view text) {
  constexpr auto kShape = "write \"HOST:PORT\", as in \"api.example.com:443\" or \"*.example.com:443\"";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return fail(ErrorKind::malformed, std::string("no port; ") + kShape);
  Egress out;
  const std::string_view port = text.substr(colon + 1);
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc{} || stop != port.data() + port.size() || out.port == 0) {
    return fail(ErrorKind::malformed, "\"" + std::string(port) + "\" is no port; " + kShape);
  }
  std::string host(text.substr(0, colon));
  for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (const auto address = canonical_address(host); address && bracketed == (host.find(':') != std::string::npos)) {
    out.host = *address;
    return out;
  }
  if (!bracketed && host.ends_with('.')) host.pop_back();
  const std::string_view name = std::string_view(host).substr(host.starts_with("*.") ? 2 : 0);
  if (bracketed || !is_host_name(name) || looks_numeric(name)) {
    return fail(ErrorKind::malformed, "\"" + host + "\" is no host name; " + kShape);
  }
  out.host = std::move(host);
  return out;
}

std::string egress_text(const Egress& egress) {
  const bool six = egress.host.find(':') != std::string::npos;
  return (six ? "[" + egress.host + "]" : egress.host) + ":" + std::to_string(egress.port);
}

std::string problem_of(const Specification& specification, bool measured) {
  if (measured && specification.port == 0) return "the application's port is not known";
  if (specification.tls_port == 0) return "tls_port: 0 is no port";
  if (specification.port == specification.tls_port && specification.minimum_tier == Tier::filtered) {
    return "port: the application and the clients' side cannot share port " + std::to_string(specification.port) +
           " in the tier filtered, where they share a network";
  }
  if (const auto what = problem_of_writable(specification.writable); !what.empty()) return what;
  if (const auto what = problem_of_passed(specification.environment_passed); !what.empty()) return what;
  if (specification.health) {
    if (const auto what = problem_of_health(*specification.health); !what.empty()) return what;
  }
  constexpr std::uint64_t kLeastMemory = std::uint64_t{4} << 20;
  const Limits& limits = specification.limits;
  if (limits.processes < 2 || limits.open_files < 16 || limits.file_size == 0 ||
      (limits.memory != 0 && limits.memory < kLeastMemory)) {
    return "limits: no application runs with that";
  }
  return measured ? problem_of_application(specification.application) : std::string{};
}

}  // namespace internal
}  // namespace blindbox::specification
