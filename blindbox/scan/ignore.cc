// SPDX-License-Identifier: Apache-2.0
// A matcher of our own: the libraries that have one (libgit2) bring SSH and HTTP clients along, into the one process that
// sees code before anything was verified. ignore_test compares it with git itself.
#include "blindbox/scan/ignore.h"

#include <re2/re2.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "blindbox/base/file.h"
#include "blindbox/scan/internal/glob.h"
#include "blindbox/scan/internal/names.h"

namespace blindbox::scan {

struct IgnorePatterns::Pattern {
  std::unique_ptr<re2::RE2> regex;
  bool negated = false;
  bool folders_only = false;
};

IgnorePatterns::IgnorePatterns() = default;
IgnorePatterns::IgnorePatterns(IgnorePatterns&&) noexcept = default;
IgnorePatterns& IgnorePatterns::operator=(IgnorePatterns&&) noexcept = default;
IgnorePatterns::~IgnorePatterns() = default;

bool IgnorePatterns::empty() const { return patterns_.empty(); }

IgnorePatterns IgnorePatterns::parse(std::string_view text) {
  IgnorePatterns out;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto glob = internal::read_glob(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!glob) continue;
    re2::RE2::Options options(re2::RE2::Latin1);
    options.set_log_errors(false);
    options.set_dot_nl(true);
    auto regex = std::make_unique<re2::RE2>(glob->regex, options);
    if (regex->ok()) out.patterns_.push_back({std::move(regex), glob->negated, glob->folders_only});
  }
  return out;
}

bool IgnorePatterns::ignores(std::string_view path) const {
  // Each folder on the way, then the file: once a folder is ignored, nothing below it is looked at again.
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const bool folder = end != std::string_view::npos;
    const std::string_view part = folder ? path.substr(0, end) : path;
    bool ignored = false;
    for (auto one = patterns_.rbegin(); one != patterns_.rend() && !part.empty(); ++one) {
      if (one->folders_only && !folder) continue;
      if (!re2::RE2::FullMatch(re2::StringPiece(part.data(), part.size()), *one->regex)) continue;
      ignored = !one->negated;
      break;
    }
    if (ignored || !folder) return ignored;
  }
}

IgnoreList::IgnoreList(std::vector<std::string> projects, std::vector<std::string> files)
    : projects_(std::move(projects)), files_(std::move(files)) {}

bool IgnoreList::file_ignores(const std::string& file, std::string_view relative) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG;
  if (!S_ISREG(info.st_mode)) return true;  // a pipe would keep whoever opens it
  auto at = std::ranges::find(cache_, file, &std::pair<std::string, Cached>::first);
  if (at == cache_.end()) {
    constexpr std::size_t kCached = 256;
    if (cache_.size() >= kCached) cache_.erase(cache_.begin());
    at = cache_.insert(cache_.end(), {file, {}});
  }
  Cached& cached = at->second;
  const bool same = cached.size == info.st_size && cached.inode == info.st_ino &&
                    cached.seconds == info.st_mtim.tv_sec && cached.nanoseconds == info.st_mtim.tv_nsec;
  if (!same) {
    auto text = base::read_file(file, kIgnoreCap);
    cached.patterns =
        text ? std::make_shared<const IgnorePatterns>(IgnorePatterns::parse(base::as_text(*text))) : nullptr;
    cached.size = info.st_size;
    cached.inode = info.st_ino;
    cached.seconds = info.st_mtim.tv_sec;
    cached.nanoseconds = info.st_mtim.tv_nsec;
  }
  return !cached.patterns || cached.patterns->ignores(relative);
}

bool IgnoreList::ignores(std::string_view name) {
  constexpr std::size_t kNameCap = 4096;
  if (name.size() > kNameCap) return true;  // no file has such a name, so nobody can say what it is
  const auto paths = internal::file_names(name);
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(paths, [this](const std::string& path) { return path_ignored(path); });
}

bool IgnoreList::path_ignored(const std::string& path) {
  if (path == "/") return false;
  const bool absolute = path.front() == '/';
  const std::string relative = absolute ? path.substr(1) : path;
  for (const std::string& file : files_) {
    if (file_ignores(file, relative)) return true;
  }
  if (!absolute) {
    for (const std::string& project : projects_) {
      if (file_ignores(project + "/" + std::string(kIgnoreFile), relative)) return true;
    }
    return false;
  }
  for (auto slash = path.rfind('/'); slash != std::string::npos;
       slash = slash == 0 ? slash : path.rfind('/', slash - 1)) {
    if (file_ignores(path.substr(0, slash + 1) + std::string(kIgnoreFile), std::string_view(path).substr(slash + 1))) {
      return true;
    }
    if (slash == 0) break;
  }
  return false;
}

}  // namespace blindbox::scan
