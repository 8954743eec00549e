// SPDX-License-Identifier: Apache-2.0
#include "blindbox/archive/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "blindbox/base/open.h"

namespace blindbox::archive {
namespace {

tl::unexpected<Error> io_error(const std::string& what) {
  return base::fail(ErrorKind::io, what + ": " + std::strerror(errno));
}

std::int64_t modified(const struct stat& info) {
  return std::int64_t{info.st_mtim.tv_sec} * 1000000000 + info.st_mtim.tv_nsec;
}

Result<base::Fd> spool(int from, const std::string& name, std::uint64_t limit) {
  auto file = temporary_file();
  if (!file) return file;
  Bytes piece(std::size_t{256} << 10);
  std::uint64_t size = 0;
  while (true) {
    const ssize_t got = ::read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("cannot read " + name);
    if (got == 0) return file;
    size += static_cast<std::uint64_t>(got);
    if (size > limit) {
      return base::fail(ErrorKind::limit, name + " has more than " + std::to_string(limit) + " bytes");
    }
    if (auto written = write_all(file->get(), ByteView(piece).first(static_cast<std::size_t>(got))); !written) {
      return base::pass_on(written);
    }
  }
}

}  // namespace

Result<base::Fd> temporary_file() {
  const char* configured = std::getenv("TMPDIR");
  const std::string folder = configured != nullptr && *configured != '\0' ? configured : "/var/tmp";
  base::Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  std::string path = folder + "/blindbox-archive.XXXXXX";
  file = base::Fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!file) return io_error("cannot write a temporary file in " + folder);
  ::unlink(path.c_str());
  return file;
}

Result<void> write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return io_error("cannot write a temporary file");
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<File> File::open(const std::string& path, std::uint64_t limit) {
  if (path == "-") return of(base::Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)), "standard input", limit);
  auto file = base::open_input(path);
  if (!file) {
    Error error = std::move(file).error();
    if (!error.hint.empty()) error.hint = "standard input may be a pipe: name it -";
    return tl::unexpected(std::move(error));
  }
  return of(std::move(*file), path, limit);
}

Result<File> File::of(base::Fd file, const std::string& name, std::uint64_t limit, std::uint64_t length) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return io_error("cannot read " + name);
  if (S_ISDIR(info.st_mode)) return base::fail(ErrorKind::io, "cannot read " + name + ": it is a folder");
  off_t begin = S_ISREG(info.st_mode) ? ::lseek(file.get(), 0, SEEK_CUR) : -1;
  if (begin < 0) {
    auto copy = spool(file.get(), name, limit);
    if (!copy) return base::pass_on(copy);
    file = std::move(*copy);
    begin = 0;
    if (::fstat(file.get(), &info) != 0) return io_error("cannot read " + name);
  }
  File opened;
  opened.file_ = std::move(file);
  opened.name_ = name;
  opened.begin_ = static_cast<std::uint64_t>(begin);
  opened.file_size_ = static_cast<std::uint64_t>(info.st_size);
  opened.end_ = std::max(opened.begin_, opened.file_size_);
  opened.end_ = opened.begin_ + std::min(length, opened.end_ - opened.begin_);
  opened.modified_ = modified(info);
  if (opened.end_ - opened.begin_ > limit) {
    return base::fail(ErrorKind::limit, name + " has more than " + std::to_string(limit) + " bytes");
  }
  return opened;
}

Result<std::unique_ptr<Source>> File::stream(std::uint64_t limit) const {
  std::array<std::byte, 4> magic{};
  auto got = make_file_source(file_.get(), begin_, end_, name_)->read(magic);
  if (!got) return base::pass_on(got);
  auto file = decompress(make_file_source(file_.get(), begin_, end_, name_), sniff(magic), limit);
  if (!file) return base::fail(ErrorKind::internal, "no memory to decompress " + name_);
  return file;
}

Result<void> File::unchanged() const {
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) return io_error("cannot read " + name_);
  if (static_cast<std::uint64_t>(info.st_size) != file_size_ || modified(info) != modified_) {
    return base::fail(ErrorKind::io, name_ + " was changed while it was read", "", "measure it again");
  }
  return {};
}

}  // namespace blindbox::archive
