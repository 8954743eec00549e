// SPDX-License-Identifier: Apache-2.0
// A file that may be read more than once, whatever it is read from.
#pragma once

#include <limits>
#include <memory>
#include <string>

#include "blindbox/archive/source.h"
#include "blindbox/base/fd.h"

namespace blindbox::archive {

// A file that can be read twice. What is not seekable (standard input, a pipe) is first copied to a temporary file that
// has no name: in $TMPDIR, else /var/tmp.
class File {
 public:
  // "-" is standard input. ErrorKind::io where it cannot be read, ErrorKind::limit where it has more than limit bytes.
  [[nodiscard]] static Result<File> open(const std::string& path, std::uint64_t limit);
  // From the file's position on, and no further than length bytes where it is seekable: a part of a larger file.
  [[nodiscard]] static Result<File> of(base::Fd file, const std::string& name, std::uint64_t limit,
                                       std::uint64_t length = std::numeric_limits<std::uint64_t>::max());

  // The bytes as they are, from begin() on.
  [[nodiscard]] std::uint64_t begin() const { return begin_; }
  [[nodiscard]] std::uint64_t size() const { return end_ - begin_; }
  [[nodiscard]] base::Fd release() { return std::move(file_); }
  [[nodiscard]] std::unique_ptr<Source> plain() const { return make_file_source(file_.get(), begin_, end_, name_); }

  // From the beginning. gzip (RFC 1952) and Zstandard (RFC 8878) are recognised by their first bytes; more than limit
  // bytes are ErrorKind::limit. The file must outlive the source.
  [[nodiscard]] Result<std::unique_ptr<Source>> stream(std::uint64_t limit) const;
  // ErrorKind::io where the file was written since it was opened: two passes over it would not have seen the same.
  [[nodiscard]] Result<void> unchanged() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  base::Fd file_;
  std::string name_;
  std::uint64_t begin_ = 0;  // where the archive begins: standard input may have been read from
  std::uint64_t end_ = 0;
  std::uint64_t file_size_ = 0;
  std::int64_t modified_ = 0;
};

// A file without a name, gone with the process whatever ends it: in $TMPDIR, else /var/tmp.
[[nodiscard]] Result<base::Fd> temporary_file();
// All of bytes.
[[nodiscard]] Result<void> write_all(int fd, ByteView bytes);

}  // namespace blindbox::archive
