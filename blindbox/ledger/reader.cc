// SPDX-License-Identifier: Apache-2.0
#include "blindbox/ledger/reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "blindbox/base/fd.h"
#include "blindbox/ledger/writer.h"

namespace blindbox::ledger {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kLineCap = 64 * 1024;  // of ours none is longer; one that is, is no entry

base::Fd open_file(const std::string& path) {
  return base::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
}

std::string read_at(int file, long long at, std::size_t size) {
  std::string piece(size, '\0');
  const ssize_t got = ::pread(file, piece.data(), size, at);
  piece.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return piece;
}

long long size_of(int file) {
  struct stat info {};
  return ::fstat(file, &info) == 0 ? info.st_size : 0;
}

// Lines from the end to the beginning; false from visit ends it.
bool backwards(int file, const std::function<bool(std::string_view)>& visit) {
  long long at = size_of(file);
  std::string tail;  // the beginning of the line that goes on behind it
  while (at > 0) {
    const auto size = std::min<long long>(at, kPiece);
    at -= size;
    tail.insert(0, read_at(file, at, static_cast<std::size_t>(size)));
    for (auto end = tail.rfind('\n'); end != std::string::npos; end = tail.rfind('\n')) {
      const std::string_view line = std::string_view(tail).substr(end + 1);
      if (!line.empty() && line.size() <= kLineCap && !visit(line)) return false;
      tail.resize(end);
    }
    if (tail.size() > 2 * kLineCap) tail.resize(kLineCap + 1);
  }
  return tail.empty() || tail.size() > kLineCap || visit(tail);
}

bool forwards(int file, long long& at, const std::function<bool(std::string_view)>& visit) {
  std::string rest;
  while (true) {
    const std::string piece = read_at(file, at + static_cast<long long>(rest.size()), kPiece);
    if (piece.empty()) return true;
    rest += piece;
    std::size_t begin = 0;
    for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      const bool more = visit(std::string_view(rest).substr(begin, end - begin));
      begin = end + 1;
      if (!more) return false;
    }
    at += static_cast<long long>(begin);
    rest.erase(0, begin);
    if (rest.size() > kLineCap) {
      at += static_cast<long long>(rest.size());
      rest.clear();
    }
  }
}

// False where visit has ended it.
bool each_of(const std::string& path, const std::function<bool(const Entry&)>& visit) {
  const base::Fd file = open_file(path);
  long long at = 0;
  return !file || forwards(file.get(), at, [&](std::string_view line) {
    const auto entry = read_entry(line);
    return !entry || visit(*entry);
  });
}

}  // namespace

std::vector<std::string> rotated_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator one(folder, error), end; !error && one != end; one.increment(error)) {
    const std::string name = one->path().filename().string();
    if (name.starts_with("ledger-") && name.ends_with(".jsonl")) files.push_back(one->path().string());
  }
  std::ranges::sort(files, std::greater<>());  // names hold the time of their rotation
  return files;
}

std::optional<Time> first_time(int file) {
  const std::string piece = read_at(file, 0, kPiece);
  auto entry = read_entry(std::string_view(piece).substr(0, piece.find('\n')));
  return entry ? std::optional(entry->time) : std::nullopt;
}

std::vector<Entry> newest(const std::string& folder, std::size_t limit, std::optional<Time> before) {
  std::vector<Entry> out;
  auto files = rotated_files(folder);
  files.insert(files.begin(), folder + "/" + kFile);
  for (const std::string& path : files) {
    const base::Fd file = open_file(path);
    if (!file || out.size() >= limit) continue;
    (void)backwards(file.get(), [&](std::string_view line) {
      auto entry = read_entry(line);
      if (entry && (!before || entry->time < *before)) out.push_back(std::move(*entry));
      return out.size() < limit;
    });
  }
  return out;
}

void each(const std::string& folder, const std::function<bool(const Entry&)>& visit) {
  auto files = rotated_files(folder);
  std::ranges::reverse(files);
  files.push_back(folder + "/" + kFile);
  for (const std::string& path : files) {
    if (!each_of(path, visit)) return;
  }
}

Sums Adder::sums() {
  const auto sums_of = [this](const std::string& path) {
    Sums sums;
    (void)each_of(path, [&](const Entry& entry) {
      sums.add(entry);
      return !stopped_;
    });
    return sums;
  };
  std::map<std::string, Sums> rotated;
  for (const std::string& path : rotated_files(folder_)) {
    const auto known = rotated_.find(path);
    rotated[path] = known != rotated_.end() ? known->second : sums_of(path);
  }
  rotated_ = std::move(rotated);
  Sums all = sums_of(folder_ + "/" + kFile);
  for (const auto& [path, sums] : rotated_) all.add(sums);
  return all;
}

Follower::Follower(std::string folder) : folder_(std::move(folder)) {
  struct stat info {};
  if (::stat((folder_ + "/" + kFile).c_str(), &info) != 0) return;
  inode_ = info.st_ino;
  at_ = info.st_size;
}

std::vector<Entry> Follower::next() {
  std::vector<Entry> out;
  const base::Fd file = open_file(folder_ + "/" + kFile);
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return out;
  if (info.st_ino != inode_) at_ = 0;
  inode_ = info.st_ino;
  (void)forwards(file.get(), at_, [&](std::string_view line) {
    if (auto entry = read_entry(line)) out.push_back(std::move(*entry));
    return true;
  });
  return out;
}

}  // namespace blindbox::ledger
