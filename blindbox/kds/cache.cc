// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/cache.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "blindbox/base/digest.h"
#include "blindbox/base/file.h"

namespace blindbox::kds {
namespace {

using std::chrono::hours;

// A file is this line and the answer as it came.
constexpr std::string_view kMark = "blindbox-kds 1 ";
constexpr std::size_t kTimeSize = sizeof("2026-11-21T20:00:00Z") - 1;
constexpr std::size_t kHeaderSize = kMark.size() + kTimeSize + 1 + 2 * sizeof(base::Sha256) + 1;
// A long-lived proxy may meet many chips, made-up ones apart: those have no VCEK.
constexpr std::size_t kMostInMemory = 64;

std::string header(base::Time fetched, ByteView body) {
  const std::string time = base::to_iso8601(fetched);
  Bytes covered = base::to_bytes(base::view(time));
  covered.insert(covered.end(), body.begin(), body.end());
  return std::string(kMark) + time + " " + base::to_hex(base::sha256(covered)) + "\n";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

Result<void> make_folders(const std::filesystem::path& folder) {
  std::filesystem::path made;
  for (const auto& part : folder) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST && !std::filesystem::is_directory(made)) {
      return base::fail(ErrorKind::io, "cannot make the folder " + made.string() + ": " + std::strerror(errno));
    }
  }
  return {};
}

}  // namespace

std::string default_cache_folder() {
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) return cache + "/blindbox/kds";
  if (const std::string home = environment("HOME"); !home.empty()) return home + "/.cache/blindbox/kds";
  return "";
}

std::string Cache::path(const Request& request) const { return folder_ + "/" + cache_name(request); }

std::optional<Cache::Entry> Cache::find(const Request& request) {
  const auto known = memory_.find(cache_name(request));
  if (known != memory_.end()) return known->second;
  if (folder_.empty()) return std::nullopt;
  // What is no file there, a pipe that nobody writes to, must not be waited for.
  std::error_code absent;
  if (!std::filesystem::is_regular_file(path(request), absent)) return std::nullopt;
  const auto file = base::read_file(path(request), body_cap(request.what) + kHeaderSize);
  if (!file || file->size() < kHeaderSize) return std::nullopt;
  const std::string_view text = base::as_text(*file);
  const auto fetched = base::from_iso8601(text.substr(kMark.size(), kTimeSize));
  const ByteView body = ByteView(*file).subspan(kHeaderSize);
  if (!fetched || text.substr(0, kHeaderSize) != header(*fetched, body)) return std::nullopt;
  auto answer = read_answer(request, body);
  if (!answer) return std::nullopt;
  return Entry{std::move(*answer), *fetched};
}

Result<void> Cache::keep(const Request& request, ByteView body, Entry entry) {
  const std::string line = header(entry.fetched, body);
  if (memory_.size() >= kMostInMemory) memory_.clear();
  memory_.insert_or_assign(cache_name(request), std::move(entry));
  if (folder_.empty()) return {};
  if (auto made = make_folders(folder_); !made) return made;
  Bytes file = base::to_bytes(base::view(line));
  file.insert(file.end(), body.begin(), body.end());
  return base::write_file(path(request), file, 0600);
}

bool is_fresh(const Request& request, const Cache::Entry& entry, base::Time now) {
  if (now > entry.answer.good_until) return false;
  return request.what != What::crl || (entry.fetched <= now && now - entry.fetched <= hours(24));
}

}  // namespace blindbox::kds
