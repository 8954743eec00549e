// SPDX-License-Identifier: Apache-2.0
#include "blindbox/archive/source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace blindbox::archive {
namespace {

class FileSource final : public Source {
 public:
  FileSource(int fd, std::uint64_t begin, std::uint64_t end, std::string name)
      : fd_(fd), at_(begin), end_(end), name_(std::move(name)) {}

 protected:
  Result<std::size_t> fill(std::span<std::byte> out) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), end_ - at_));
    if (wanted == 0) return 0;
    ssize_t got = -1;
    do {
      got = ::pread(fd_, out.data(), wanted, static_cast<off_t>(at_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return base::fail(ErrorKind::io, "cannot read " + name_ + ": " + std::strerror(errno));
    at_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }

  std::uint64_t seek(std::uint64_t length) override {
    length = std::min(length, end_ - at_);
    at_ += length;
    return length;
  }

 private:
  int fd_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::string name_;
};

}  // namespace

Result<bool> Source::refill() {
  // Behind a skip a header follows, and maybe another skip: reading little at first reads little in vain.
  auto got = fill(std::span(buffer_).first(refill_));
  refill_ = std::min(refill_ * 4, buffer_.size());
  if (!got) return base::pass_on(got);
  begin_ = 0;
  end_ = *got;
  return *got > 0;
}

Result<std::size_t> Source::read(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    if (begin_ == end_ && out.size() - done >= buffer_.size()) {  // large reads need no copy
      auto got = fill(out.subspan(done));
      if (!got) return got;
      if (*got == 0) break;
      done += *got;
      continue;
    }
    if (begin_ == end_) {
      auto more = refill();
      if (!more) return base::pass_on(more);
      if (!*more) break;
    }
    const std::size_t piece = std::min(out.size() - done, end_ - begin_);
    std::memcpy(out.data() + done, buffer_.data() + begin_, piece);
    begin_ += piece;
    done += piece;
  }
  position_ += done;
  return done;
}

Result<std::uint64_t> Source::skip(std::uint64_t length) {
  std::uint64_t done = std::min<std::uint64_t>(length, end_ - begin_);
  begin_ += static_cast<std::size_t>(done);
  const std::uint64_t passed = seek(length - done);
  if (passed > 0) refill_ = kFirstRefill;
  done += passed;
  while (done < length) {
    auto more = refill();
    if (!more) return base::pass_on(more);
    if (!*more) break;
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(length - done, end_ - begin_));
    begin_ += piece;
    done += piece;
  }
  position_ += done;
  return done;
}

std::unique_ptr<Source> make_file_source(int fd, std::uint64_t begin, std::uint64_t end, const std::string& name) {
  return std::make_unique<FileSource>(fd, begin, end, name);
}

}  // namespace blindbox::archive
