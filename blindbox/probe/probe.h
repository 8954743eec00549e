// SPDX-License-Identifier: Apache-2.0
// The escape attempts. Each really tries once, in a forked child with a deadline, so that a kill counts as blocked and a
// hang stalls nobody. Run inside exactly the application's sandbox, by a process that has become what the application
// would be.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/probe/report.h"

namespace blindbox::probe {

// A socket outside the sandbox. The attempt has escaped when it answers; for an address that is not loopback also when
// the kernel let a packet go (anything but "no route" and "not permitted").
struct Outside {
  std::string address;  // an IP literal
  std::uint16_t port = 0;
};

struct Quotas {                 // of the sandbox, as the specification states them; 0: not tried
  std::uint64_t memory = 0;     // bytes
  std::uint32_t processes = 0;  // and threads
  std::uint64_t file_size = 0;  // bytes
  std::uint32_t open_files = 0;
};

// A directory that may be written, and how many bytes it holds (0: not tried).
struct WritableDirectory {
  std::string path;
  std::uint64_t size = 0;
};

struct Settings {
  Nonce nonce{};
  std::uint16_t application_port = 0;  // the one port that may be bound; 0: none
  std::vector<WritableDirectory> writable;
  // Besides addresses that are always tried: the clouds' metadata services and documentation addresses, which nobody
  // has. init adds what really listens outside, for instance its own TLS port on the container's loopback.
  std::vector<Outside> tcp;
  std::vector<Outside> udp;                // of something that echoes datagrams
  std::vector<std::string> unix_abstract;  // names of stream sockets outside, without the leading zero byte
  std::vector<std::string> unix_paths;     // besides the well-known ones
  pid_t init = 1;                          // whom to trace, signal and read
  // Processes that belong to the sandbox itself, though they are not this process or its children: the first process of
  // its process name space, for instance.
  std::vector<pid_t> own_processes;
  // st_ino of init's /proc/self/ns/net. The kernel gives the inside another one where the network is its own; then an
  // open port reaches nobody. 0: the network counts as shared.
  std::uint64_t outside_network = 0;
  // Open in this process on purpose, besides 0 to 2: where the report goes, for instance.
  std::vector<int> own_descriptors;
  Quotas quotas;
  std::string setuid_program;                // of another owner, besides the well-known ones
  std::string device_folder = "/dev";        // where device nodes are looked for
  std::chrono::milliseconds deadline{2000};  // of one attempt
};

// Which ids there are and what each tries, in the order of a report.
struct Description {
  std::string id;
  std::string tries;
};
[[nodiscard]] std::vector<Description> catalogue();

// All attempts, one after the other; some three seconds at most where packets vanish, otherwise far below one. Takes no
// lock, needs no thread, and leaves nothing behind. An attempt that cannot be started is not_applicable and says why.
[[nodiscard]] Report run_all(const Settings& settings);

// One of them, for tests; an unknown id is not_applicable.
[[nodiscard]] Attempt run_one(const Settings& settings, std::string_view id);

}  // namespace blindbox::probe
