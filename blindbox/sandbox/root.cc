// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <tuple>

#include "blindbox/sandbox/internal/mounts.h"

namespace blindbox::sandbox::internal {
namespace {

using base::Fd;
using specification::Writable;

constexpr std::uint64_t kSharedMemory = std::uint64_t{64} << 20;  // /dev/shm, as container engines have it
constexpr std::uint64_t kHarmless = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

struct Device {
  const char* path;
  bool required;
};
constexpr std::array kDevices = {Device{"/dev/null", true}, Device{"/dev/zero", false}, Device{"/dev/full", false},
                                 Device{"/dev/random", true}, Device{"/dev/urandom", true}};

// What tells of the machine rather than of the sandbox, or steers it. /proc itself is read-only; user 0 could read these.
constexpr std::array kMasked = {
    "/proc/kcore",         "/proc/keys",       "/proc/key-users",   "/proc/kmsg",    "/proc/timer_list",
    "/proc/sysrq-trigger", "/proc/kallsyms",   "/proc/config.gz",   "/proc/acpi",    "/proc/scsi",
    "/proc/asound",        "/proc/bus",        "/proc/driver",      "/proc/fs",      "/proc/irq",
    "/proc/vmallocinfo",   "/proc/iomem",      "/proc/ioports",     "/proc/modules", "/proc/latency_stats",
    "/proc/kpagecount",    "/proc/kpageflags", "/proc/kpagecgroup", "/proc/slabinfo"};
constexpr const char* kMaskIn = "dev/.mask";  // while the root is being built

// Shallow ones first, so that /data is there before /data/cache is mounted in it.
std::vector<Writable> in_order(std::vector<Writable> all) {
  std::sort(all.begin(), all.end(), [](const Writable& a, const Writable& b) { return a.path < b.path; });
  return all;
}

// A read-only folder without contents over path, where there is one.
bool hide(int root, const std::string& path) {
  const Fd target = open_in(root, path, O_PATH);
  if (!target) return errno == ENOENT;
  struct stat what {};
  if (::fstat(target.get(), &what) != 0) return false;
  // A file that nobody may open: an empty one would look like an answer.
  const Fd cover = S_ISDIR(what.st_mode) ? make_tmpfs({.size = 0, .mode = 0555}) : clone_tree(root, kMaskIn, false);
  return cover && (!S_ISDIR(what.st_mode) || restrict_mount(cover.get(), kHarmless, false)) &&
         attach(cover.get(), target.get());
}

bool bind_device(int dev, const Device& device) {
  const Fd node = clone_tree(AT_FDCWD, device.path, false);
  if (!node) return !device.required;
  const Fd place(::openat(dev, device.path + sizeof "/dev/" - 1, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0444));
  return place && attach(node.get(), place.get());
}

std::string make_devices(int root) {
  Fd dev = make_tmpfs({.size = std::uint64_t{64} << 10});
  const Fd target = open_in(root, "/dev", O_PATH | O_DIRECTORY);
  if (!target) return failed("the image has no /dev");
  if (!dev || !attach(dev.get(), target.get())) return failed("mounting /dev");
  for (const Device& device : kDevices) {
    if (!bind_device(dev.get(), device)) return failed(std::string("binding ") + device.path);
  }
  const bool linked = ::symlinkat("/proc/self/fd", dev.get(), "fd") == 0 &&
                      ::symlinkat("/proc/self/fd/0", dev.get(), "stdin") == 0 &&
                      ::symlinkat("/proc/self/fd/1", dev.get(), "stdout") == 0 &&
                      ::symlinkat("/proc/self/fd/2", dev.get(), "stderr") == 0;
  if (!linked || ::mkdirat(dev.get(), "shm", 01777) != 0) return failed("filling /dev");
  if (!Fd(::openat(dev.get(), ".mask", O_CREAT | O_RDONLY | O_CLOEXEC, 0))) return failed("filling /dev");
  const Fd memory = make_tmpfs({.size = kSharedMemory, .mode = 01777});
  const Fd shm(::openat(dev.get(), "shm", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!memory || !shm || !attach(memory.get(), shm.get())) return failed("mounting /dev/shm");
  // configfs, and with it an interface for evidence, lies in /sys; of the rest an application wants the processors.
  const Fd processors = clone_tree(AT_FDCWD, "/sys/devices/system", false);
  const Fd sys = open_in(root, "/sys", O_PATH | O_DIRECTORY);
  if (!sys) return {};
  const Fd cover = make_tmpfs({.size = 0, .mode = 0555});
  if (!cover || !attach(cover.get(), sys.get())) return failed("covering /sys");
  const bool made = ::mkdirat(cover.get(), "devices", 0555) == 0 && ::mkdirat(cover.get(), "devices/system", 0555) == 0;
  const Fd place(::openat(cover.get(), "devices/system", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (made && place && processors && restrict_mount(processors.get(), kHarmless, false))
    (void)attach(processors.get(), place.get());  // without it a program takes the count from its affinity
  return restrict_mount(cover.get(), kHarmless, false) ? std::string() : failed("sealing /sys");
}

std::string make_own_proc(int root) {
  const Fd target = open_in(root, "/proc", O_PATH | O_DIRECTORY);
  if (!target) return failed("the image has no /proc");
  const Fd proc = make_proc();
  if (!proc) return failed("mounting proc (refused where the container's own /proc has covered parts)");
  if (!attach(proc.get(), target.get())) return failed("attaching /proc");
  for (const char* const path : kMasked) {
    if (!hide(root, path)) return failed(std::string("covering ") + path);
  }
  return {};
}

std::string seal_devices(int root) {
  const Fd dev = open_in(root, "/dev", O_RDONLY | O_DIRECTORY);
  if (!dev || ::unlinkat(dev.get(), ".mask", 0) != 0) return failed("/dev");
  return restrict_mount(dev.get(), std::uint64_t{MOUNT_ATTR_RDONLY} | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false)
             ? std::string()
             : failed("sealing /dev");
}

// Where /proc stays the container's, which shows the processes around us: those that are there already are covered, and
// what tells of the machine. When one of them ends, its cover goes with it.
void cover_proc(int root) {
  for (const char* const path : kMasked) std::ignore = hide(root, path);
  constexpr int kMost = 64;
  std::array<char, 32> self{};
  std::ignore = ::readlink("/proc/self", self.data(), self.size() - 1);
  std::error_code failed;
  int covered = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos || name == self.data()) continue;
    if (++covered > kMost) break;
    std::ignore = hide(root, entry.path().string());
  }
}

std::string make_writable(int root, const Settings& settings, const User& user) {
  for (const Writable& directory : in_order(settings.writable)) {
    const Fd target = ensure_directory(root, directory.path);
    struct stat now {};
    if (!target || ::fstat(target.get(), &now) != 0)
      return failed(directory.path + " is not in the image and cannot be made there");
    const Fd memory = make_tmpfs({directory.size, now.st_mode & 07777U, user.uid, user.gid});
    if (!memory || !attach(memory.get(), target.get())) return failed("mounting " + directory.path);
  }
  return {};
}

std::string enter_root(int tree) {
  // pivot_root(2), "pivot_root(".", ".")": the old root ends up over the new one and is taken off.
  if (::fchdir(tree) != 0) return failed("fchdir");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return failed("pivot_root");
  if (::umount2(".", MNT_DETACH) != 0) return failed("leaving the old root");
  return ::chdir("/") == 0 ? std::string() : failed("chdir");
}

std::string listed(const Settings& settings) {
  std::string text;
  for (const Writable& directory : settings.writable) text += (text.empty() ? "" : ", ") + directory.path;
  return text.empty() ? "none asked for" : text;
}

}  // namespace

void make_root(const Settings& settings, const User& user, Record& record) {
  std::string why = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? "" : failed("making / private");
  Fd tree = clone_tree(AT_FDCWD, "/", true);
  if (why.empty() && !tree) why = failed("open_tree");
  if (why.empty()) {
    // While the container's own root can still be written to; what is missing afterwards is said by make_writable.
    for (const Writable& directory : in_order(settings.writable)) (void)ensure_directory(tree.get(), directory.path);
    // As other runtimes do.
    std::ignore = ensure_directory(tree.get(), settings.application.working_directory);
    if (!restrict_mount(tree.get(), kHarmless, true)) why = failed("making / read-only");
  }
  const Fd old(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (why.empty() && !attach(tree.get(), old.get())) why = failed("move_mount");
  const int root = why.empty() ? tree.get() : old.get();
  std::string devices = make_devices(root);
  const std::string proc =
      record.has(step::kPidNamespace) ? make_own_proc(root) : std::string("there is no process namespace");
  if (!proc.empty()) cover_proc(root);
  if (devices.empty()) devices = seal_devices(root);
  const std::string writable = make_writable(root, settings, user);
  if (why.empty() && !hide(root, std::string(specification::kFolder))) why = failed("covering our own folder");
  for (const std::string& folder : settings.hidden) {
    if (why.empty() && !hide(root, folder)) why = failed("covering " + folder);
  }
  if (why.empty()) why = enter_root(root);
  record.settle(step::kRoot, why, "read-only");
  record.settle(step::kDevices, devices, "null, zero, full, random, urandom, shm");
  record.settle(step::kProc, proc, "read-only");
  record.settle(step::kWritable, writable, listed(settings));
}

void open_writable(const Settings& settings, const User& user, Record& record) {
  for (const auto name : {step::kRoot, step::kDevices, step::kProc}) record.denied(name, "there is no mount namespace");
  const Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const Writable& directory : in_order(settings.writable)) {
    const Fd target = ensure_directory(root.get(), directory.path);
    // An O_PATH descriptor has no owner to change; the directory itself is the one that was opened, below the root.
    if (target) std::ignore = ::fchownat(target.get(), "", user.uid, user.gid, AT_EMPTY_PATH);
  }
  if (settings.writable.empty()) return record.granted(step::kWritable, listed(settings));
  record.denied(step::kWritable,
                "there is no mount namespace: they are the container's own, not empty and not limited");
}

}  // namespace blindbox::sandbox::internal
