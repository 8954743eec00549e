// SPDX-License-Identifier: Apache-2.0
#include "temporary_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

namespace blindbox::apps {
namespace {

namespace fs = std::filesystem;

// Younger ones may not have been locked yet.
constexpr std::chrono::minutes kStale{1};

// The lock on a folder. Programs that we start keep it as well (no O_CLOEXEC): what a container still runs from is in use
// even when we were killed.
base::Fd lock(const std::string& path) {
  base::Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) folder.reset();
  return folder;
}

bool is_stale(const std::string& path) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0 || !S_ISDIR(about.st_mode) || about.st_uid != ::geteuid()) return false;
  const auto changed = std::chrono::system_clock::from_time_t(about.st_mtime);
  return std::chrono::system_clock::now() - changed > kStale;
}

void remove(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

// Folders whose owners were killed. What cannot be removed is the next one's to remove.
void sweep(const std::string& within, const std::string& prefix) {
  std::error_code failed;
  for (fs::directory_iterator at(within, failed), end; !failed && at != end; at.increment(failed)) {
    const std::string path = at->path().string();
    const std::string name = at->path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 6 || !is_stale(path)) continue;
    if (const base::Fd held = lock(path)) remove(path);
  }
}

}  // namespace

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::make(const std::string& name, const std::string& otherwise) {
  const char* const parent = std::getenv("TMPDIR");
  return make_in(parent == nullptr || *parent == '\0' ? otherwise : parent, name);
}

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::make_in(const std::string& within, const std::string& name) {
  sweep(within, name + "-");
  std::string path = within + "/" + name + "-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return base::fail(ErrorKind::io, "cannot make a folder " + path);
  base::Fd held = lock(path);
  return std::make_unique<TemporaryFolder>(std::move(path), std::move(held));
}

TemporaryFolder::~TemporaryFolder() { remove(path_); }

}  // namespace blindbox::apps
