// SPDX-License-Identifier: Apache-2.0
#include "blindbox/keys/key_ring.h"

namespace blindbox::keys {
namespace {

bool same(const struct ::stat& a, const struct ::stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

Result<std::shared_ptr<KeyRing>> KeyRing::open(const std::string& path) {
  std::shared_ptr<KeyRing> ring(new KeyRing(path));
  if (auto loaded = ring->reload(); !loaded) return base::pass_on(loaded);
  return ring;
}

Result<void> KeyRing::reload() {
  // Looked at before it is read: a change in between is seen at the next look.
  struct ::stat seen {};
  (void)::stat(path_.c_str(), &seen);
  auto file = load_key_file(path_);
  const std::scoped_lock lock(mutex_);
  seen_ = seen;
  if (!file) return base::pass_on(file);
  file_ = std::move(*file);
  return {};
}

Result<bool> KeyRing::reload_if_changed() {
  struct ::stat now {};
  (void)::stat(path_.c_str(), &now);
  {
    const std::scoped_lock lock(mutex_);
    if (same(now, seen_)) return false;
  }
  if (auto loaded = reload(); !loaded) return base::pass_on(loaded);
  return true;
}

std::optional<Key> KeyRing::find(std::string_view presented, base::Time now) const {
  const std::scoped_lock lock(mutex_);
  const Key* key = find_key(file_, presented, now);
  return key == nullptr ? std::nullopt : std::optional<Key>(*key);
}

std::size_t KeyRing::size() const {
  const std::scoped_lock lock(mutex_);
  return file_.keys.size();
}

}  // namespace blindbox::keys
