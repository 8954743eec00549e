// SPDX-License-Identifier: Apache-2.0
// Which system calls there are. Default-deny: what the table does not name answers ENOSYS, what it blocks EPERM; the
// other ABIs of the processor (i386, x32) end the process.
#pragma once

#include <string>

namespace blindbox::sandbox::internal {

struct Filter {
  bool own_network = false;  // the network namespace holds loopback alone: UDP and NETLINK_ROUTE do no harm
  bool connect = true;       // false: connect(2) is refused, where nothing else could tell addresses apart
  bool execute = true;       // false: no execve, fork or kill: for processes of our own that need none
};

// For the calling thread and what it makes. Needs no_new_privileges. Empty, or why not.
[[nodiscard]] std::string apply_seccomp(const Filter& filter);

// For the keeper, once it has forked the command: what its loop calls and no more. reads_children: it opens files, to
// read, where no process namespace ends what the command has left behind. Needs no_new_privileges. Empty, or why not.
[[nodiscard]] std::string apply_keeper_seccomp(bool reads_children);

}  // namespace blindbox::sandbox::internal
