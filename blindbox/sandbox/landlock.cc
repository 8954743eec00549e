// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/landlock.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <memory>

namespace blindbox::sandbox::internal {
namespace {

using base::Fd;

// include/uapi/linux/landlock.h of Linux 6.15 (interface version 7).
struct RulesetAttribute {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed_access = 0;
  std::int32_t parent_fd = -1;
};
struct NetPort {
  std::uint64_t allowed_access = 0;
  std::uint64_t port = 0;
};
constexpr int kRulePath = 1, kRulePort = 2;
constexpr unsigned kAskVersion = 1;
constexpr std::uint64_t kExecute = 1U << 0, kWriteFile = 1U << 1, kReadFile = 1U << 2, kReadDir = 1U << 3;
constexpr std::uint64_t kMakeChar = 1U << 6, kMakeBlock = 1U << 11;
constexpr std::uint64_t kVersion1 = (1U << 13) - 1, kRefer = 1U << 13, kTruncate = 1U << 14, kIoctlDev = 1U << 15;
constexpr std::uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
constexpr std::uint64_t kBindTcp = 1U << 0, kConnectTcp = 1U << 1;
constexpr std::uint64_t kAbstractSockets = 1U << 0, kSignals = 1U << 1;

std::uint64_t handled_files(int version) {
  return kVersion1 | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0) | (version >= 5 ? kIoctlDev : 0);
}

class Ruleset {
 public:
  Ruleset(int version, bool network) : files_(handled_files(version)) {
    RulesetAttribute attribute{files_, network ? kBindTcp | kConnectTcp : 0,
                               version >= 6 ? kAbstractSockets | kSignals : 0};
    // The kernel takes a shorter structure from who knows less.
    const std::size_t size = version >= 6 ? sizeof attribute : (version >= 4 ? 16 : 8);
    fd_ = Fd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attribute, size, 0)));
    if (!fd_) why_ = failed("landlock_create_ruleset");
  }

  // What is not there needs no rule.
  void allow(const std::string& path, std::uint64_t access) {
    allow(Fd(::open(path.c_str(), O_PATH | O_CLOEXEC)), access);
  }
  void allow(const Fd& at, std::uint64_t access) {
    struct stat what {};
    if (!at || ::fstat(at.get(), &what) != 0) return;
    if (!S_ISDIR(what.st_mode)) access &= kOfFiles;
    const PathBeneath rule{access & files_, at.get()};
    add(kRulePath, &rule);
  }
  void allow_port(std::uint16_t port, std::uint64_t access) {
    const NetPort rule{access, port};
    add(kRulePort, &rule);
  }
  [[nodiscard]] std::string apply() const {
    if (!why_.empty()) return why_;
    return ::syscall(SYS_landlock_restrict_self, fd_.get(), 0) == 0 ? std::string() : failed("landlock_restrict_self");
  }
  [[nodiscard]] std::uint64_t everything() const { return files_ & ~(kMakeChar | kMakeBlock); }

 private:
  void add(int type, const void* rule) {
    if (!why_.empty()) return;
    if (::syscall(SYS_landlock_add_rule, fd_.get(), type, rule, 0) != 0) why_ = failed("landlock_add_rule");
  }
  Fd fd_;
  std::uint64_t files_;
  std::string why_;
};

constexpr std::uint64_t kRead = kExecute | kReadFile | kReadDir;

// The root of another's making: everything in it but devices, the system's own file systems and our folder.
void allow_shared_root(Ruleset& rules) {
  const std::unique_ptr<DIR, int (*)(DIR*)> root(::opendir("/"), &::closedir);
  while (const dirent* const entry = root ? ::readdir(root.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name == "dev" || name == "sys" || name == "proc" || name == ".blindbox")
      continue;
    rules.allow("/" + name, kRead);
  }
  rules.allow("/proc", kReadFile | kReadDir);
  rules.allow("/sys/devices/system", kReadFile | kReadDir);
  rules.allow("/sys/fs/cgroup", kReadFile | kReadDir);
}

void allow_files(Ruleset& rules, const Settings& settings, bool own_root) {
  if (own_root) {
    rules.allow("/", kRead);
  } else {
    allow_shared_root(rules);
  }
  for (const char* const device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"})
    rules.allow(device, kReadFile | kWriteFile | kTruncate);
  rules.allow("/dev/shm", rules.everything() & ~kExecute);
  for (const auto& directory : settings.writable) rules.allow(directory.path, rules.everything());
  if (settings.executable >= 0) rules.allow(Fd(::dup(settings.executable)), kExecute | kReadFile);
}

}  // namespace

int landlock_version() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  return version < 0 ? 0 : static_cast<int>(version);
}

void apply_landlock(const Settings& settings, Record& record) {
  const int version = landlock_version();
  if (version == 0) {
    for (const auto name : {step::kLandlock, step::kLandlockNetwork, step::kLandlockScopes})
      record.denied(name, "this kernel has no Landlock");
    return;
  }
  const bool shared_network = !record.has(step::kNetworkNamespace);
  Ruleset rules(version, shared_network && version >= 4);
  allow_files(rules, settings, record.has(step::kRoot) && record.has(step::kDevices));
  if (shared_network && version >= 4) {
    if (settings.port != 0) rules.allow_port(settings.port, kBindTcp);
    // No port to connect to: a rule names no address, so it would open that port of every machine.
  }
  const std::string why = rules.apply();
  const std::string seen = "version " + std::to_string(version);
  record.settle(step::kLandlock, why, seen);
  if (!shared_network) {
    record.not_needed(step::kLandlockNetwork, "the network namespace holds nothing but loopback");
  } else {
    record.settle(
        step::kLandlockNetwork, why.empty() && version < 4 ? seen + " has no network rules" : why,
        "bind on the application's port alone; connect to the egress proxy alone; listen without bind takes a "
        "random port");
  }
  record.settle(step::kLandlockScopes, why.empty() && version < 6 ? seen + " has no scopes" : why,
                "abstract unix sockets, signals");
}

std::string apply_helper_landlock(const HelperReach& reach) {
  const int version = landlock_version();
  if (version == 0) return "this kernel has no Landlock";
  Ruleset rules(version, version >= 4);
  for (const std::string& folder : reach.folders) rules.allow(folder, rules.everything() & ~kExecute);
  if (reach.reads_proc) rules.allow("/proc", kReadFile | kReadDir);
  if (version >= 4 && reach.connect != 0) rules.allow_port(reach.connect, kConnectTcp);
  if (auto why = rules.apply(); !why.empty()) return why;
  return version >= 4 ? "" : "version " + std::to_string(version) + " of Landlock has no network rules";
}

}  // namespace blindbox::sandbox::internal
