// SPDX-License-Identifier: Apache-2.0
// The keys that count now, and the file that they come from. Safe to ask from several threads while it reloads.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <mutex>
#include <string>

#include "blindbox/keys/key_file.h"

namespace blindbox::keys {

class KeyRing {
 public:
  // The file must be valid to begin with.
  [[nodiscard]] static Result<std::shared_ptr<KeyRing>> open(const std::string& path);

  // Reads the file anew. Where it cannot be read or is not valid, the keys from before go on to count: a half-edited
  // file neither opens the door nor shuts everybody out.
  [[nodiscard]] Result<void> reload();
  // reload() where the file is another one than the last that was looked at; true if it was. An error is told once.
  [[nodiscard]] Result<bool> reload_if_changed();

  [[nodiscard]] std::optional<Key> find(std::string_view presented, base::Time now) const;
  [[nodiscard]] std::size_t size() const;

 private:
  explicit KeyRing(std::string path) : path_(std::move(path)) {}

  std::string path_;
  mutable std::mutex mutex_;
  KeyFile file_;
  struct ::stat seen_ {};
};

}  // namespace blindbox::keys
