// SPDX-License-Identifier: Apache-2.0
// The names of the steps around an application, in their order, and which tier needs which.
#pragma once

#include <optional>

#include "blindbox/sandbox/posture.h"

namespace blindbox::sandbox {

namespace step {
inline constexpr std::string_view kControlGroups = "control_groups";  // memory and processes of all together
inline constexpr std::string_view kUserNamespace = "user_namespace";
inline constexpr std::string_view kNetworkNamespace = "network_namespace";  // with loopback alone
inline constexpr std::string_view kMountNamespace = "mount_namespace";
inline constexpr std::string_view kIpcNamespace = "ipc_namespace";
inline constexpr std::string_view kUtsNamespace = "uts_namespace";
inline constexpr std::string_view kPidNamespace = "pid_namespace";
inline constexpr std::string_view kRoot = "root";          // read-only, of its own
inline constexpr std::string_view kDevices = "devices";    // a /dev with the harmless ones
inline constexpr std::string_view kProc = "proc";          // a /proc that shows the sandbox alone
inline constexpr std::string_view kWritable = "writable";  // directories in memory with a size
inline constexpr std::string_view kPort = "port";          // nobody else listens there
inline constexpr std::string_view kLimits = "limits";
inline constexpr std::string_view kIdentity = "identity";          // the image's user, and which groups
inline constexpr std::string_view kCapabilities = "capabilities";  // none, and none to regain
inline constexpr std::string_view kNoNewPrivileges = "no_new_privileges";
inline constexpr std::string_view kLandlock = "landlock";
inline constexpr std::string_view kLandlockNetwork = "landlock_network";
inline constexpr std::string_view kLandlockScopes = "landlock_scopes";
inline constexpr std::string_view kSeccomp = "seccomp";
}  // namespace step

[[nodiscard]] const Step* find(const std::vector<Step>& steps, std::string_view name);
[[nodiscard]] bool granted(const std::vector<Step>& steps, std::string_view name);

// The strongest tier whose steps were granted; nothing where not even the weakest is. In it, filtered needs capabilities,
// no_new_privileges, seccomp and either Landlock or a read-only root; namespaces needs those of its name and the
// writable directories, but for the user namespace, which adds nothing to a process that has no capability and may
// make no namespace; confined needs root, devices, proc and control groups.
[[nodiscard]] std::optional<Tier> tier_of(const std::vector<Step>& steps);

// What stands between the steps and a tier: "network_namespace: unshare: operation not permitted; ...".
[[nodiscard]] std::string missing_for(const std::vector<Step>& steps, Tier tier);

}  // namespace blindbox::sandbox
