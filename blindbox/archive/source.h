// SPDX-License-Identifier: Apache-2.0
// An archive's bytes in order: from a file, or decompressed on the way. Memory is a fixed number of buffers.
#pragma once

#include <memory>
#include <string>

#include "blindbox/base/bytes.h"

namespace blindbox::archive {

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
  // How many bytes were read or skipped so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }

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
  std::uint64_t position_ = 0;
};

enum class Compression { none, gzip, zstd };
// By the first four bytes.
[[nodiscard]] Compression sniff(ByteView first);
// The source itself where there is no compression; else as below.
[[nodiscard]] std::unique_ptr<Source> decompress(std::unique_ptr<Source> source, Compression compression,
                                                 std::uint64_t limit);

// Bytes begin to end of a file that stays open longer than the source; name is for messages.
[[nodiscard]] std::unique_ptr<Source> make_file_source(int fd, std::uint64_t begin, std::uint64_t end,
                                                       const std::string& name);
// RFC 1952 and RFC 8878. More than limit bytes are ErrorKind::limit. Null where there is no memory for it.
[[nodiscard]] std::unique_ptr<Source> make_gzip_source(std::unique_ptr<Source> compressed, std::uint64_t limit);
[[nodiscard]] std::unique_ptr<Source> make_zstd_source(std::unique_ptr<Source> compressed, std::uint64_t limit);

}  // namespace blindbox::archive
