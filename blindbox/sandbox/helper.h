// SPDX-License-Identifier: Apache-2.0
// For processes of our own beside the sandbox, the gateway and the egress proxy: they parse what strangers send, so they
// give up what they do not need before the first byte.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::sandbox {

struct HelperRights {
  // Another user than the application's, where this process may choose; none: stays who it is.
  std::optional<uid_t> user;
  // Files and devices are still opened as the user from before (fsuid): configfs-tsm belongs to root.
  bool files_as_before = false;
  bool datagrams = false;  // UDP and NETLINK_ROUTE: names are looked up
};

// Undumpable, without core files, capabilities, new privileges, and of the system calls none that starts a program,
// signals or traces another process. Ends with parent. For a process with one thread. The text says what was not granted
// of what does not matter alone ("" if nothing); ErrorKind::platform otherwise.
[[nodiscard]] Result<std::string> restrict_helper(const HelperRights& rights, pid_t parent);

// What a helper still opens and where it still connects, once everything else is open.
struct HelperReach {
  std::vector<std::string> folders;  // everything below them but programs and devices
  bool reads_proc = false;
  std::uint16_t connect = 0;  // the one TCP port, of any machine: Landlock's rules name no addresses; 0: none
};

// Landlock, where the kernel has it: nothing else is opened, run, bound or connected to any more, by this process or by
// whoever takes it over. After restrict_helper. What was not granted and why; "" where all was.
[[nodiscard]] std::string confine_helper(const HelperReach& reach);

// Undumpable, no core files, no new privileges: for init itself.
[[nodiscard]] Result<void> protect_process();

}  // namespace blindbox::sandbox
