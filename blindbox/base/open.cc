// SPDX-License-Identifier: Apache-2.0
#include "blindbox/base/open.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace blindbox::base {
namespace {

const char* kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return "it is a folder";
    case S_IFIFO: return "it is a pipe, no regular file";
    case S_IFCHR:
    case S_IFBLK: return "it is a device, no regular file";
    case S_IFSOCK: return "it is a socket, no regular file";
    default: return "it is no regular file";
  }
}

// What a shell hands over by <(COMMAND), or the user by name: whoever waits there asked for it.
bool names_own_descriptor(const std::string& path) {
  if (path == "/dev/stdin") return true;
  return std::ranges::any_of(std::array{"/dev/fd/", "/proc/self/fd/"}, [&](std::string_view folder) {
    return path.starts_with(folder) && path.find_first_not_of("0123456789", folder.size()) == std::string::npos;
  });
}

Result<Fd> waiting(Fd file, const std::string& path) {
  const int flags = ::fcntl(file.get(), F_GETFL);
  if (flags < 0 || ::fcntl(file.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return fail(ErrorKind::io, "cannot read " + path + ": " + std::strerror(errno));
  }
  return file;
}

}  // namespace

Result<Fd> open_input(const std::string& path) {
  // O_NONBLOCK: open() of a pipe without a writer waits, that of a device may do anything. On a regular file it means
  // nothing.
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return fail(ErrorKind::io, "cannot open " + path + ": " + std::strerror(errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) {
    return fail(ErrorKind::io, "cannot read " + path + ": " + std::strerror(errno));
  }
  if (S_ISFIFO(info.st_mode) && names_own_descriptor(path)) return waiting(std::move(file), path);
  if (!S_ISREG(info.st_mode)) {
    const bool folder = S_ISDIR(info.st_mode);
    return fail(ErrorKind::io, "cannot read " + path + ": " + kind_of(info.st_mode), "",
                folder ? "" : "write what comes out of it to a file first");
  }
  return file;
}

}  // namespace blindbox::base
