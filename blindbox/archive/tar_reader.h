// SPDX-License-Identifier: Apache-2.0
// The entries of a tar archive and their contents, one after another, the way Go's archive/tar reads them.
#pragma once

#include "blindbox/archive/source.h"
#include "blindbox/archive/sparse.h"

namespace blindbox::archive {

class TarReader {
 public:
  explicit TarReader(Source& source) : source_(source) {}

  // The next entry, what was left of the one before skipped; nothing at the end of the archive, behind which anything
  // may stand. ErrorKind::malformed for what is no archive, or ends too early.
  [[nodiscard]] Result<std::optional<TarHeader>> next();

  // The next bytes of the entry's contents, holes as zeros; shorter only at their end.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out);
  // What reading to the end would find out about a sparse file: whether its map and its bytes agree.
  [[nodiscard]] Result<void> check_contents() const;

 private:
  Result<bool> read_block(TarBlock& block);
  Result<bool> next_header(TarBlock& block);
  Result<std::string> special_file();
  Result<TarBlock> block_of_contents();
  Result<TarHeader> global_header(TarHeader header);
  Result<void> finish(TarHeader& header, const TarBlock& block);
  Result<void> begin_contents(const TarHeader& header);
  Result<void> read_packed(std::span<std::byte> out);

  Source& source_;
  std::uint64_t packed_ = 0;   // bytes of the entry that are still in the archive
  std::uint64_t padding_ = 0;  // and those that fill its last block
  std::uint64_t logical_ = 0;  // bytes of the file that were not read yet
  std::uint64_t at_ = 0;       // position in the file
  bool is_sparse_ = false;
  SparseMap map_;
  std::size_t fragment_ = 0;  // the next one of the map
};

}  // namespace blindbox::archive
