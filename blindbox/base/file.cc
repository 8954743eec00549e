// SPDX-License-Identifier: Apache-2.0
#include "blindbox/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "blindbox/base/open.h"

namespace blindbox::base {
namespace {

tl::unexpected<Error> io_error(const std::string& what, const std::string& path) {
  return fail(ErrorKind::io, what + " " + path + ": " + std::strerror(errno));
}

}  // namespace

Result<Bytes> read_file(const std::string& path, std::size_t cap) {
  auto file = open_input(path);
  if (!file) return pass_on(file);
  Bytes contents;
  Bytes piece(64 * 1024);
  // The size that stat tells is a hint only: /proc and configfs files say 0.
  while (true) {
    const ssize_t got = ::read(file->get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("cannot read", path);
    if (got == 0) return contents;
    if (contents.size() + static_cast<std::size_t>(got) > cap) {
      return fail(ErrorKind::limit, path + " is larger than " + std::to_string(cap) + " bytes");
    }
    contents.insert(contents.end(), piece.begin(), piece.begin() + got);
  }
}

Result<void> write_file(const std::string& path, ByteView contents, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  const Fd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return io_error("cannot write", path);
  const auto give_up = [&] {
    auto error = io_error("cannot write", path);
    ::unlink(temporary.c_str());
    return error;
  };
  std::size_t written = 0;
  while (written < contents.size()) {
    const ssize_t put = ::write(file.get(), contents.data() + written, contents.size() - written);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return give_up();
    written += static_cast<std::size_t>(put);
  }
  if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) return give_up();
  if (::rename(temporary.c_str(), path.c_str()) != 0) return give_up();
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Fd parent(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent) (void)::fsync(parent.get());
  return {};
}

}  // namespace blindbox::base
