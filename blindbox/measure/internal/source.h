// SPDX-License-Identifier: Apache-2.0
// A layer's bytes in order: from a file, or decompressed on the way. Memory is a fixed number of buffers.
#pragma once

#include <memory>
#include <string>

#include "blindbox/base/bytes.h"
#include "blindbox/base/fd.h"

namespace blindbox::measure::internal {

class Source {
 public:
  Source() : buffer_(kBuffer) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // Fills out but at the end: what comes back is shorter only there.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out);
  // How many of length bytes there were.
  [[nodiscard]] Result<std::uint64_t> skip(std::uint64_t length);

 protected:
  static constexpr std::size_t kBuffer = std::size_t{256} << 10;
  // At least one byte, 0 at the end.
  virtual Result<std::size_t> fill(std::span<std::byte> out) = 0;
  // Passes over bytes without reading them, where that is possible; how many.
  virtual std::uint64_t seek(std::uint64_t) { return 0; }

 private:
  static constexpr std::size_t kFirstRefill = std::size_t{8} << 10;
  Result<bool> refill();
  Bytes buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t refill_ = kFirstRefill;
};

// A file that can be read twice. What is not seekable (standard input, a pipe) is first copied to a temporary file that
// has no name: in $TMPDIR, else /var/tmp.
class LayerFile {
 public:
  // "-" is standard input. ErrorKind::io where it cannot be read, ErrorKind::limit where it has more than limit bytes.
  [[nodiscard]] static Result<LayerFile> open(const std::string& path, std::uint64_t limit);
  [[nodiscard]] static Result<LayerFile> of(base::Fd file, const std::string& name, std::uint64_t limit);

  // From the beginning. gzip (RFC 1952) and Zstandard (RFC 8878) are recognised by their first bytes; more than limit
  // bytes are ErrorKind::limit. The file must outlive the source.
  [[nodiscard]] Result<std::unique_ptr<Source>> stream(std::uint64_t limit) const;
  // ErrorKind::io where the file was written since it was opened: two passes over it would not have seen the same.
  [[nodiscard]] Result<void> unchanged() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  base::Fd file_;
  std::string name_;
  std::uint64_t begin_ = 0;  // where the layer begins: standard input may have been read from
  std::uint64_t end_ = 0;
  std::int64_t modified_ = 0;
};

[[nodiscard]] std::unique_ptr<Source> make_file_source(int fd, std::uint64_t begin, std::uint64_t end,
                                                       const std::string& name);
[[nodiscard]] std::unique_ptr<Source> make_gzip_source(std::unique_ptr<Source> compressed, std::uint64_t limit);
[[nodiscard]] std::unique_ptr<Source> make_zstd_source(std::unique_ptr<Source> compressed, std::uint64_t limit);

}  // namespace blindbox::measure::internal
