// SPDX-License-Identifier: Apache-2.0
// Tar archives (POSIX ustar, with pax records where it is too narrow) whose bytes follow from what is written alone.
#pragma once

#include <functional>
#include <string>

#include "blindbox/base/bytes.h"

namespace blindbox::archive {

struct TarEntry {
  std::string name;
  char type = '0';  // as in the header: '0' file, '1' hard link, '2' symbolic link, '5' folder (its name ends in '/')
  std::uint64_t size = 0;
  unsigned mode = 0644;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t modified = 0;  // seconds since 1970
  std::string link{};
};

class TarWriter {
 public:
  using Write = std::function<Result<void>(ByteView)>;
  explicit TarWriter(Write write) : write_(std::move(write)) {}

  // The next entry; the one before must have all its contents. ErrorKind::internal otherwise.
  [[nodiscard]] Result<void> begin(const TarEntry& entry);
  // The next bytes of its contents.
  [[nodiscard]] Result<void> write(ByteView bytes);
  // An entry with its contents; its size is set.
  [[nodiscard]] Result<void> add(TarEntry entry, ByteView contents);
  // The end of the archive.
  [[nodiscard]] Result<void> finish();

 private:
  Result<void> pad();
  Write write_;
  std::uint64_t left_ = 0;
  std::uint64_t padding_ = 0;
};

}  // namespace blindbox::archive
