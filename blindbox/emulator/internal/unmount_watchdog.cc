// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/internal/unmount_watchdog.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace blindbox::emulator::internal {
namespace {

[[noreturn]] void watch(int pipe, const std::string& folder) {
  // A session of its own: a Ctrl-C or a kill of the process group is not for it.
  (void)::setsid();
  // Nor may it keep anything of the emulator's open, its end of FUSE least of all.
  const base::Fd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {0, 1, 2}) (void)::dup2(nowhere.get(), standard);
  if (pipe > 3) (void)::close_range(3, static_cast<unsigned>(pipe) - 1, 0);
  (void)::close_range(static_cast<unsigned>(pipe) + 1, ~0U, 0);
  char word = 0;
  ssize_t got = 0;
  do {
    got = ::read(pipe, &word, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 0 && ::umount2(folder.c_str(), MNT_DETACH) != 0) {
    ::execlp("fusermount3", "fusermount3", "-u", "-z", "-q", folder.c_str(), static_cast<char*>(nullptr));
  }
  ::_exit(0);
}

}  // namespace

Result<UnmountWatchdog> UnmountWatchdog::start(const std::string& folder) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return base::fail(ErrorKind::io, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  base::Fd reader(ends[0]);
  base::Fd alive(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return base::fail(ErrorKind::io, std::string("cannot fork: ") + std::strerror(errno));
  if (child == 0) {
    alive.reset();
    watch(reader.get(), folder);
  }
  return UnmountWatchdog(child, std::move(alive));
}

UnmountWatchdog::~UnmountWatchdog() {
  if (child_ < 0) return;
  const char dismissed = 1;
  (void)!::write(alive_.get(), &dismissed, 1);
  alive_.reset();
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace blindbox::emulator::internal
