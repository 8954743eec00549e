// SPDX-License-Identifier: Apache-2.0
#include "blindbox/ledger/writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "blindbox/base/home.h"
#include "blindbox/ledger/reader.h"

namespace blindbox::ledger {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> io_error(const std::string& what, const std::string& path) {
  const int reason = errno;
  return base::fail(ErrorKind::io, what + " " + path + ": " + std::strerror(reason), "",
                    reason == ENOSPC || reason == EDQUOT
                        ? "make room on the disk; requests go on meanwhile unless --ledger required says otherwise"
                        : "");
}

// Between processes; within one there is one writer a ledger.
class Locked {
 public:
  explicit Locked(int fd) : fd_(fd) {
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() { ::flock(fd_, LOCK_UN); }

 private:
  int fd_;
};

base::Fd open_private(const std::string& path) {
  constexpr mode_t kMine = 0600;
  return base::Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, kMine));
}

}  // namespace

std::string default_folder() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/blindbox";
  return base::home_folder() + "/.local/state/blindbox";
}

Result<Writer> Writer::open(WriterOptions options) {
  std::error_code error;
  fs::create_directories(fs::path(options.folder).parent_path(), error);
  constexpr mode_t kMine = 0700;
  if (::mkdir(options.folder.c_str(), kMine) != 0 && errno != EEXIST) return io_error("cannot make", options.folder);
  Writer writer(std::move(options));
  writer.lock_ = open_private(writer.path() + ".lock");
  if (!writer.lock_) return io_error("cannot open", writer.path() + ".lock");
  const Locked locked(writer.lock_.get());
  if (auto opened = writer.reopen(); !opened) return base::pass_on(opened);
  return writer;
}

Result<void> Writer::reopen() {
  file_ = open_private(path());
  begun_.reset();
  if (!file_) return io_error("cannot open", path());
  return {};
}

Result<void> Writer::append(Entry entry) {
  last_ = std::max(entry.time, last_ + std::chrono::microseconds(1));
  entry.time = last_;
  waiting_.push_back(write_entry(entry) + "\n");
  if (waiting_.size() > kMostWaiting) {
    waiting_.pop_front();
    ++lost_;
  }
  return flush();
}

Result<void> Writer::ready() {
  if (auto flushed = flush(); !flushed) return flushed;
  constexpr off_t kRoom = 64 * 1024;
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) return io_error("cannot write", path());
  // Beyond the end, so that no reader sees it. A file system that cannot promise is taken at its last word.
  if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, info.st_size, kRoom) != 0 && errno != EOPNOTSUPP &&
      errno != ENOSYS) {
    return io_error("cannot write", path());
  }
  return {};
}

Result<void> Writer::flush() {
  if (waiting_.empty()) return {};
  const Locked locked(lock_.get());
  struct stat ours {
  }, there{};
  const bool same = ::fstat(file_.get(), &ours) == 0 && ::stat(path().c_str(), &there) == 0 &&
                    ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
  if (!same) {  // another process has rotated it, or somebody has removed it
    if (auto opened = reopen(); !opened) return opened;
  }
  rotate_where_due();
  while (!waiting_.empty()) {
    if (auto written = write_line(waiting_.front()); !written) return written;
    waiting_.pop_front();
  }
  return {};
}

Result<void> Writer::write_line(const std::string& line) {
  struct stat before {};
  if (::fstat(file_.get(), &before) != 0) return io_error("cannot write", path());
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t put = ::write(file_.get(), line.data() + written, line.size() - written);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      auto error = io_error("cannot write", path());
      if (written > 0 && ::ftruncate(file_.get(), before.st_size) != 0) return error;  // half a line is no line
      return error;
    }
    written += static_cast<std::size_t>(put);
  }
  return {};
}

// Nothing here may fail a request: what cannot be rotated grows on.
void Writer::rotate_where_due() {
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0 || info.st_size == 0) return;
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  bool due = static_cast<std::uint64_t>(info.st_size) >= options_.rotate_at;
  if (!due) {
    if (!begun_) begun_ = first_time(file_.get()).value_or(now);  // read once a file: this is asked for every request
    due = now - *begun_ >= options_.rotate_after;
  }
  if (!due) return;
  const std::string to = options_.folder + "/ledger-" + to_text(now) + ".jsonl";
  if (::rename(path().c_str(), to.c_str()) != 0) return;
  if (!reopen()) return;
  auto files = rotated_files(options_.folder);
  for (std::size_t i = options_.keep; i < files.size(); ++i) ::unlink(files[i].c_str());
}

}  // namespace blindbox::ledger
