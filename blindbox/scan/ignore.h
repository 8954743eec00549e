// SPDX-License-Identifier: Apache-2.0
// .blindboxignore: the files of a project that must never leave this machine, in the syntax of .gitignore.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::scan {

inline constexpr std::string_view kIgnoreFile = ".blindboxignore";
// More is refused before parsing.
inline constexpr std::size_t kIgnoreCap = std::size_t{1} << 20;

// The patterns of one file (gitignore(5)): the last that matches decides, "!" takes back, "/" ties to the file's own
// folder, "**" crosses folders, and what lies below an ignored folder cannot be taken back.
class IgnorePatterns {
 public:
  // A line that is no pattern is skipped, as git does.
  [[nodiscard]] static IgnorePatterns parse(std::string_view text);
  IgnorePatterns(IgnorePatterns&&) noexcept;
  IgnorePatterns& operator=(IgnorePatterns&&) noexcept;
  ~IgnorePatterns();

  // path: of a file, relative to the folder of the patterns, parts divided by "/".
  [[nodiscard]] bool ignores(std::string_view path) const;
  [[nodiscard]] bool empty() const;

 private:
  struct Pattern;
  IgnorePatterns();
  std::vector<Pattern> patterns_;
};

// Where the patterns of a name in a request come from.
class IgnoreList {
 public:
  // projects: folders that relative names are taken to lie in; their .blindboxignore counts. files: pattern files that
  // hold for every name.
  IgnoreList(std::vector<std::string> projects, std::vector<std::string> files);

  // name: absolute, relative, or a URI, with "/" or "\", as clients write it: with a line behind it ("x.py:12"), a state in
  // brackets ("x.py (working tree)"), a drive. It is ignored where one of the files that it may mean is. For an absolute name each .blindboxignore on the way up
  // counts as well. Files are read again when they have changed. A pattern file that exists and cannot be read, or is
  // over the cap, ignores everything it is asked about: what must not leave is then unknown.
  // Thread-safe.
  [[nodiscard]] bool ignores(std::string_view name);

 private:
  struct Cached {
    long long seconds = 0, nanoseconds = 0, size = -1;
    unsigned long long inode = 0;
    std::shared_ptr<const IgnorePatterns> patterns;  // null: unreadable
  };
  // The patterns of a file, empty where there is none.
  bool file_ignores(const std::string& file, std::string_view relative);
  bool path_ignored(const std::string& path);
  std::mutex mutex_;
  std::vector<std::string> projects_, files_;
  std::vector<std::pair<std::string, Cached>> cache_;
};

}  // namespace blindbox::scan
