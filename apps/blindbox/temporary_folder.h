// SPDX-License-Identifier: Apache-2.0
// A folder that is gone with its owner.
#pragma once

#include <cstdlib>

#include <filesystem>
#include <memory>
#include <string>

#include "blindbox/base/result.h"

namespace blindbox::apps {

class TemporaryFolder {
 public:
  // In $TMPDIR, else in otherwise: /tmp, or /var/tmp for what may be too large for a file system in memory.
  [[nodiscard]] static Result<std::unique_ptr<TemporaryFolder>> make(const std::string& name,
                                                                     const std::string& otherwise = "/tmp") {
    const char* const parent = std::getenv("TMPDIR");
    const std::string within = parent == nullptr || *parent == '\0' ? otherwise : parent;
    std::string path = within + "/" + name + "-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return base::fail(ErrorKind::io, "cannot make a folder " + path);
    return std::make_unique<TemporaryFolder>(std::move(path));
  }
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace blindbox::apps
