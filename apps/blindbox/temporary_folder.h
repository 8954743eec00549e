// SPDX-License-Identifier: Apache-2.0
// A folder that is gone with its owner; one whose owner was killed is gone with the next of that name.
#pragma once

#include <memory>
#include <string>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"

namespace blindbox::apps {

class TemporaryFolder {
 public:
  // In $TMPDIR, else in otherwise: /tmp, or /var/tmp for what may be too large for a file system in memory.
  [[nodiscard]] static Result<std::unique_ptr<TemporaryFolder>> make(const std::string& name,
                                                                     const std::string& otherwise = "/tmp");
  // In that folder.
  [[nodiscard]] static Result<std::unique_ptr<TemporaryFolder>> make_in(const std::string& within,
                                                                        const std::string& name);
  TemporaryFolder(std::string path, base::Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  base::Fd lock_;
};

}  // namespace blindbox::apps
