// SPDX-License-Identifier: Apache-2.0
#include "blindbox/specification/starting_point.h"

#include <fmt/format.h>

#include "blindbox/specification/internal/names.h"

namespace blindbox::specification {

std::string starting_point(Platform platform, std::uint16_t port) {
  const std::string port_line = port == 0 ? "# port: 8000" : fmt::format("port: {}", port);
  return fmt::format(
      R"(# What this image promises to its users. It is measured: whoever connects can demand exactly this.
# "blindbox build" puts it into the image, blindbox-init obeys it. Everything left out is at its safest.
version: 1

# azure-aci: a confidential container on Azure; sev-snp-vm: a confidential VM or pod sandbox of its own.
platform: {}

# Where the application listens. Left out: the one port that the image exposes, else 80.
{}

# Where clients connect, by attested TLS.
tls_port: {}

# The enclave answers 503 until this path answers 2xx or 3xx, and again when it stops doing so.
# health: {{path: /health, interval: 10s, timeout: 2s, start: 2m}}

# Whom the application may reach, by host name and port; "*.example.com:443" takes every name below. It gets
# HTTP_PROXY and HTTPS_PROXY; there is no other way out, and no name server. Empty: nobody.
egress: []

# Directories in memory that the application may write to, empty at start; everything else is read-only.
writable:
  - {{path: /tmp, size: 64MiB}}

# Variables that whoever starts the container may set. The others are the image's.
environment: []

# limits: {{memory: 2GiB, processes: 512, file_size: 1GiB, open_files: 1024}}

# never, on-failure or always
restart: on-failure

# What of the application's output may leave the enclave, readable by the host: none, stderr or all.
output: none

# blindbox-init refuses to start below this tier: filtered (system calls and files filtered, the network shared with
# the container), namespaces (and a network, processes and mounts of its own), confined (and a root of its own).
isolation: {{minimum_tier: namespaces}}
)",
      internal::name_of(internal::kPlatforms, platform), port_line, kDefaultTlsPort);
}

}  // namespace blindbox::specification
