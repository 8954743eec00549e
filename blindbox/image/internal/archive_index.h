// SPDX-License-Identifier: Apache-2.0
// Where the files of a tar archive stand in it, found by one pass over its headers.
#pragma once

#include <map>
#include <string>

#include "blindbox/image/transfer.h"

namespace blindbox::image::internal {

class ArchiveIndex {
 public:
  // "-" is standard input. What is compressed or cannot be read twice is first copied to a file without a name.
  // ErrorKind::malformed for what is no archive, ErrorKind::limit past 64 Ki files or 256 GiB.
  [[nodiscard]] static Result<ArchiveIndex> open(const std::string& path);

  [[nodiscard]] bool contains(const std::string& name) const { return files_.contains(name); }
  // Links within the archive are followed. ErrorKind::malformed where there is no such file.
  [[nodiscard]] Result<Blob> find(const std::string& name) const;

 private:
  struct Place {
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
    std::string link{};  // another name instead
  };
  Result<void> read();

  std::shared_ptr<const base::Fd> file_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::string name_;
  std::map<std::string, Place> files_;
};

}  // namespace blindbox::image::internal
