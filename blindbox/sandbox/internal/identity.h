// SPDX-License-Identifier: Apache-2.0
// Who a process is and what it may regain: users, capabilities, privileges, limits, descriptors, its parent's end.
// Each function returns empty, or why not.
#pragma once

#include <sys/types.h>

#include <string>

#include "blindbox/sandbox/user.h"
#include "blindbox/specification/specification.h"

namespace blindbox::sandbox::internal {

// Their numbers in linux/capability.h.
enum class Capability : unsigned { chown = 0, kill = 5, setgid = 6, setuid = 7, setpcap = 8, net_bind_service = 10 };

// In the effective set of the calling thread.
[[nodiscard]] bool has_capability(Capability capability);

// Empties the bounding set, but for keep; without CAP_SETPCAP it stays, and no_new_privileges keeps it out of reach.
[[nodiscard]] std::string drop_bounding(const Capability* keep = nullptr);
// Empties every other set, but for keep where it is held.
[[nodiscard]] std::string drop_capabilities(const Capability* keep = nullptr);
// Hands a capability that drop_capabilities kept on to whatever is executed. Empty, or why not.
[[nodiscard]] std::string pass_on_capability(Capability capability);
// Makes the permitted capabilities effective, as they are after a change of user that kept them.
void raise_permitted();
[[nodiscard]] std::string become(const User& user);
[[nodiscard]] std::string no_new_privileges();
[[nodiscard]] std::string set_limits(const specification::Limits& limits);

// From here on this process ends with its parent. False when the parent has ended already. Forgotten by the kernel at
// every change of user, so it comes after.
[[nodiscard]] bool end_with_parent(pid_t parent);

// Every signal as a new process has it: default actions, nothing blocked.
void reset_signals();

// 0, 1 and 2 become these; every other descriptor is closed at the next execve.
[[nodiscard]] std::string set_descriptors(int input, int output, int error);

}  // namespace blindbox::sandbox::internal
