// SPDX-License-Identifier: Apache-2.0
#include "runtime_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "blindbox/base/file.h"
#include "blindbox/ledger/writer.h"

namespace blindbox::apps {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "blindbox-connect-";
constexpr std::size_t kCap = 4096;

std::string runtime_folder() {
  const char* folder = std::getenv("XDG_RUNTIME_DIR");
  return folder != nullptr && *folder == '/' ? std::string(folder) : ledger::default_folder();
}

bool is_at(int file, const std::string& path) {
  struct stat ours {
  }, there{};
  return ::fstat(file, &ours) == 0 && ::stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

}  // namespace

Result<RuntimeFile> RuntimeFile::make(const Running& running) {
  const std::string path = runtime_folder() + "/" + std::string(kPrefix) + std::to_string(running.pid) + ".json";
  constexpr mode_t kOwn = 0600;
  const auto open_locked = [&path] {
    base::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kOwn));
    if (file && ::flock(file.get(), LOCK_EX) != 0) file = base::Fd();
    return file;
  };
  base::Fd file = open_locked();
  // Whoever looks for stale files may have found it before it was locked, and removed it.
  for (int tries = 0; file && tries < 10 && !is_at(file.get(), path); ++tries) file = open_locked();
  const std::string text = nlohmann::json({{"pid", running.pid}, {"listen", running.listen}}).dump() + "\n";
  if (!file || !is_at(file.get(), path) ||
      ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return base::fail(ErrorKind::io, "cannot write " + path + ": " + std::strerror(errno));
  }
  return RuntimeFile(path, std::move(file));
}

RuntimeFile::~RuntimeFile() {
  if (file_) ::unlink(path_.c_str());
}

std::vector<Running> running_proxies() {
  std::vector<Running> out;
  std::error_code error;
  for (fs::directory_iterator one(runtime_folder(), error), end; !error && one != end; one.increment(error)) {
    if (!one->path().filename().string().starts_with(kPrefix)) continue;
    const base::Fd file(::open(one->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat info {};
    // Not our own: another user may have put it into a folder that others can write to.
    if (!file || ::fstat(file.get(), &info) != 0 || info.st_uid != ::geteuid()) continue;
    if (::flock(file.get(), LOCK_SH | LOCK_NB) == 0) {
      ::unlink(one->path().c_str());
      continue;
    }
    const auto text = base::read_file(one->path().string(), kCap);
    const auto parsed = nlohmann::json::parse(text ? base::as_text(*text) : "", nullptr, false);
    if (!parsed.is_object() || !parsed.contains("pid") || !parsed["pid"].is_number_integer()) continue;
    if (!parsed.contains("listen") || !parsed["listen"].is_string()) continue;
    out.push_back({parsed["pid"].get<int>(), parsed["listen"].get<std::string>()});
  }
  std::ranges::sort(out, {}, &Running::pid);
  return out;
}

}  // namespace blindbox::apps
