// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "blindbox/archive/file.h"
#include "blindbox/image/internal/blobs.h"

namespace blindbox::image::internal {

using base::fail;

Result<Download> Download::open(const std::string& folder, const Descriptor& descriptor) {
  Download out(descriptor);
  if (!folder.empty() && make_folders(folder, 0700)) {
    const std::string path = folder + "/" + std::string(descriptor.digest.algorithm()) + "-" +
                             std::string(descriptor.digest.hex()) + ".part";
    base::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    struct stat info {};
    if (file && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) &&
        ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      out.file_ = std::move(file);
      out.path_ = path;
      if (auto taken = out.take_up(); !taken) return base::pass_on(taken);
      return out;
    }
  }
  auto file = archive::temporary_file();
  if (!file) return base::pass_on(file);
  out.file_ = std::move(*file);
  return out;
}

Result<void> Download::take_up() {
  Bytes piece(std::size_t{256} << 10);
  while (true) {
    const ssize_t got = ::read(file_.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorKind::io, "cannot read " + path_ + ": " + std::strerror(errno));
    if (got == 0) break;
    received_ += static_cast<std::uint64_t>(got);
    hasher_.update(ByteView(piece).first(static_cast<std::size_t>(got)));
  }
  return received_ > descriptor_->size ? restart() : Result<void>{};
}

Result<void> Download::add(ByteView bytes) {
  if (bytes.size() > descriptor_->size - received_) return tl::unexpected(lying(*descriptor_, "more bytes"));
  if (auto written = archive::write_all(file_.get(), bytes); !written) return written;
  hasher_.update(bytes);
  received_ += bytes.size();
  return {};
}

Result<void> Download::restart() {
  if (::lseek(file_.get(), 0, SEEK_SET) != 0 || ::ftruncate(file_.get(), 0) != 0) {
    return fail(ErrorKind::io, std::string("cannot begin a download again: ") + std::strerror(errno));
  }
  hasher_ = Hasher(descriptor_->digest.algorithm());
  received_ = 0;
  return {};
}

void Download::discard() {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

Result<Blob> Download::finish() {
  const Digest found = hasher_.finish();
  discard();
  if (received_ != descriptor_->size || found != descriptor_->digest) {
    return tl::unexpected(lying(*descriptor_, found.text() + " with " + std::to_string(received_) + " bytes"));
  }
  return Blob{std::make_shared<const base::Fd>(std::move(file_)), 0, received_};
}

}  // namespace blindbox::image::internal
