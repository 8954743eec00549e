// SPDX-License-Identifier: Apache-2.0
// What a wrapped image promises: how its application runs, and what it may touch. Written by a person as blindbox.yml,
// joined at build time with what the image says of itself, and put into the measured layer as canonical JSON, which
// blindbox-init obeys. Nothing else steers it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/base/result.h"

namespace blindbox::specification {

inline constexpr std::size_t kSpecificationCap = std::size_t{1} << 20;  // as YAML and as JSON
inline constexpr std::string_view kSpecificationSchema = "blindbox/specification/v1";

// Where things lie in a wrapped image.
inline constexpr std::string_view kFolder = "/.blindbox";
inline constexpr std::string_view kInitPath = "/.blindbox/init";
inline constexpr std::string_view kSpecificationPath = "/.blindbox/specification.json";
inline constexpr std::uint16_t kDefaultTlsPort = 8443;

// Where it is meant to be deployed; init runs the same code on all of them.
enum class Platform { azure_aci, sev_snp_vm };

// The tiers of docs/isolation.md, weakest first; each holds what the one before it holds.
enum class Tier {
  filtered,    // seccomp, Landlock, no capabilities, no new privileges; the network is the container's
  namespaces,  // and network, mount, process, IPC and host name spaces of its own, with loopback alone
  confined,    // and a root of its own: read-only, minimal /dev and /proc, control groups
};

enum class Restart { never, on_failure, always };

// What of the application's standard output and error may leave the enclave: by default nothing.
enum class Output { none, standard_error, all };

struct Health {
  std::string path;  // an absolute path, asked with GET; 2xx and 3xx are well
  std::chrono::milliseconds interval{std::chrono::seconds(10)};
  std::chrono::milliseconds timeout{std::chrono::seconds(2)};
  std::chrono::milliseconds start{std::chrono::minutes(2)};  // how long it may take to be well for the first time
  bool operator==(const Health&) const = default;
};

// A name (exactly, or "*.example.com" for every name below it) and a port that the application may reach through
// init's forward proxy.
struct Egress {
  std::string host;  // lower case, no final dot
  std::uint16_t port = 443;
  bool operator==(const Egress&) const = default;
};

// A directory of its own, empty at start, in memory, gone at the end.
struct Writable {
  std::string path;        // absolute, normal
  std::uint64_t size = 0;  // bytes
  bool operator==(const Writable&) const = default;
};

struct Limits {
  std::uint64_t memory = 0;       // bytes, of the application's processes together; 0: the container's
  std::uint32_t processes = 512;  // and threads
  std::uint64_t file_size = std::uint64_t{1} << 30;  // bytes
  std::uint32_t open_files = 1024;
  bool operator==(const Limits&) const = default;
};

// What the image's configuration said (OCI image-spec, config.md), moved here.
struct Application {
  std::vector<std::string> command;  // entrypoint, then cmd; never empty in a measured specification
  std::string user;                  // "", "user", "uid", "user:group", "uid:gid"
  std::string working_directory = "/";
  std::vector<std::string> environment;  // "NAME=value"
  std::string stop_signal = "SIGTERM";   // what the application hears when the container is stopped
  bool operator==(const Application&) const = default;
};

struct Specification {
  Platform platform = Platform::azure_aci;
  Application application;
  std::uint16_t port = 0;                    // where the application listens, on its own loopback
  std::uint16_t tls_port = kDefaultTlsPort;  // where clients connect
  std::optional<Health> health;
  std::vector<Egress> egress;
  std::vector<Writable> writable;
  std::vector<std::string> environment_passed;  // names whose values may come from whoever starts the container
  Limits limits;
  Restart restart = Restart::on_failure;
  Output output = Output::none;
  Tier minimum_tier = Tier::namespaces;  // init refuses to start below it
  bool operator==(const Specification&) const = default;
};

[[nodiscard]] std::string_view tier_name(Tier tier);  // "filtered", "namespaces", "confined"

// "SIGTERM" and the like; nullopt for what asks no process to end.
[[nodiscard]] std::optional<int> stop_signal_number(std::string_view name);

// blindbox.yml, without the application, which is the image's. ErrorKind::malformed with "name:line:column: what";
// over kSpecificationCap: limit.
[[nodiscard]] Result<Specification> parse_yaml(std::string_view yaml, std::string_view name);

// Canonical JSON (RFC 8785) of one fixed shape: the same specification gives the same bytes.
[[nodiscard]] std::string encode(const Specification& specification);
// ErrorKind::malformed for whatever encode() would not have written.
[[nodiscard]] Result<Specification> decode(std::string_view json);

}  // namespace blindbox::specification
