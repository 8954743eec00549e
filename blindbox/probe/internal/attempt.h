// SPDX-License-Identifier: Apache-2.0
// What the files of attempts share: a finding, the catalogue they add themselves to, and how an errno is judged.
#pragma once

#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "blindbox/probe/probe.h"

namespace blindbox::probe::internal {

struct Finding {
  Outcome outcome = Outcome::not_applicable;
  int error = 0;
  std::string detail;
};

// Runs in a forked child of its own.
using Try = std::function<Finding(const Settings&)>;
struct Entry {
  std::string id;
  std::string tries;
  Try run;
};
using Catalogue = std::vector<Entry>;

void add_network(Catalogue& to);
void add_sockets(Catalogue& to);
void add_processes(Catalogue& to);
void add_proc(Catalogue& to);
void add_devices(Catalogue& to);
void add_namespaces(Catalogue& to);
void add_mounts(Catalogue& to);
void add_kernel(Catalogue& to);
void add_files(Catalogue& to);
void add_identity(Catalogue& to);
void add_abi(Catalogue& to);
void add_quotas(Catalogue& to);

[[nodiscard]] inline Finding blocked(int error, std::string detail = {}) {
  return {Outcome::blocked, error, std::move(detail)};
}
[[nodiscard]] inline Finding escaped(std::string detail) { return {Outcome::escaped, 0, std::move(detail)}; }
[[nodiscard]] inline Finding not_applicable(std::string detail) {
  return {Outcome::not_applicable, 0, std::move(detail)};
}

// Of a call whose success is the escape: what it returned, and what that means.
[[nodiscard]] inline Finding unless_failed(long result, std::string meaning) {
  return result < 0 ? blocked(errno) : escaped(std::move(meaning));
}

// Of a call that asks for permission first and is handed arguments on which it must fail afterwards, so that nothing
// changes: another error than a refusal means that it was permitted.
[[nodiscard]] inline Finding unless_refused(long result, const std::string& what) {
  if (result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS)) return blocked(errno);
  return escaped(what + " was permitted");
}

// True where process init is one of the sandbox's own, so that init itself has no number in here.
[[nodiscard]] bool init_is_hidden(const Settings& settings);
[[nodiscard]] inline Finding hidden_init() { return blocked(ESRCH, "init has no number in this process name space"); }

// True unless the kernel says that this network is another one than init's.
[[nodiscard]] bool network_is_shared(const Settings& settings);

// Absolute, normal paths.
[[nodiscard]] bool lies_in(const std::string& path, const std::string& folder);
// Where a file may be made: the writable directories, else what usually is one.
[[nodiscard]] std::vector<std::string> places_to_write(const Settings& settings);

}  // namespace blindbox::probe::internal
