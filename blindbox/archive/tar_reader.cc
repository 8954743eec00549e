// SPDX-License-Identifier: Apache-2.0
#include "blindbox/archive/tar_reader.h"

#include <algorithm>

namespace blindbox::archive {
namespace {

tl::unexpected<Error> truncated() { return bad_tar("it ends too early"); }

}  // namespace

// False at the end of the archive.
Result<bool> TarReader::read_block(TarBlock& block) {
  const auto got = source_.read(block);
  if (!got) return tl::unexpected(got.error());
  if (*got != 0 && *got != block.size()) return truncated();
  return *got != 0;
}

// Skips what is left of the entry before. One block of zeros and the end, two, or just the end: all end an archive.
Result<bool> TarReader::next_header(TarBlock& block) {
  const auto skipped = source_.skip(packed_);
  if (!skipped) return tl::unexpected(skipped.error());
  if (*skipped < packed_) return truncated();
  const auto padding = source_.skip(padding_);
  if (!padding) return tl::unexpected(padding.error());
  if (*padding < padding_) return false;
  packed_ = padding_ = 0;
  auto found = read_block(block);
  if (!found || !*found || !base::all_zero(block)) return found;
  found = read_block(block);
  if (!found || !*found) return found;
  if (!base::all_zero(block)) return bad_tar("a block of zeros stands between its entries");
  return false;
}

Result<std::string> TarReader::special_file() {
  if (packed_ > kSpecialFileCap) return bad_tar("a long name or a set of pax records is longer than 1 MiB");
  std::string text(static_cast<std::size_t>(packed_), '\0');
  if (auto read = read_packed(std::as_writable_bytes(std::span(text))); !read) return base::pass_on(read);
  return text;
}

Result<void> TarReader::read_packed(std::span<std::byte> out) {
  const auto got = source_.read(out);
  if (!got) return tl::unexpected(got.error());
  if (*got < out.size()) return truncated();
  packed_ -= out.size();
  return {};
}

Result<TarBlock> TarReader::block_of_contents() {
  TarBlock block{};
  if (packed_ < block.size()) return truncated();
  if (auto read = read_packed(block); !read) return base::pass_on(read);
  return block;
}

Result<void> TarReader::begin_contents(const TarHeader& header) {
  const std::int64_t size = header.header_only() ? 0 : header.size;
  if (size < 0) return bad_tar("an entry has a negative size");
  packed_ = static_cast<std::uint64_t>(size);
  padding_ = -packed_ % kTarBlock;
  logical_ = packed_;
  at_ = 0;
  is_sparse_ = false;
  map_.clear();
  fragment_ = 0;
  return {};
}

Result<std::optional<TarHeader>> TarReader::next() {
  PaxRecords records;
  std::string long_name, long_link;
  while (true) {
    TarBlock block{};
    const auto found = next_header(block);
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::nullopt;
    auto header = parse_header(block);
    if (!header) return base::pass_on(header);
    if (auto begun = begin_contents(*header); !begun) return base::pass_on(begun);
    if (header->type == 'g') {
      auto global = global_header(std::move(*header));
      if (!global) return base::pass_on(global);
      return std::move(*global);
    }
    const bool is_pax = header->type == 'x';
    if (is_pax || header->type == 'L' || header->type == 'K') {
      auto text = special_file();
      if (!text) return base::pass_on(text);
      if (header->type == 'L') long_name = until_nul(*text);
      if (header->type == 'K') long_link = until_nul(*text);
      if (!is_pax) continue;
      auto parsed = parse_pax(*text);
      if (!parsed) return base::pass_on(parsed);
      records = std::move(*parsed);
      continue;
    }
    if (auto applied = apply_pax(*header, std::move(records)); !applied) return base::pass_on(applied);
    if (!long_name.empty()) header->name = std::move(long_name);
    if (!long_link.empty()) header->link = std::move(long_link);
    if (auto finished = finish(*header, block); !finished) return base::pass_on(finished);
    return std::move(*header);
  }
}

// A pax global header applies to nothing here: the original makes a file of its name with its own records.
Result<TarHeader> TarReader::global_header(TarHeader header) {
  auto text = special_file();
  if (!text) return base::pass_on(text);
  auto records = parse_pax(*text);
  if (!records) return base::pass_on(records);
  TarHeader out;
  out.type = header.type;
  out.name = header.name;
  logical_ = 0;
  const auto path = records->find("path");
  const bool named = path != records->end() && !path->second.empty();
  if (auto applied = apply_pax(header, std::move(*records)); applied) {
    out.name = std::move(header.name);
    out.records = std::move(header.records);
  } else if (named) {
    // The original goes through the records in random order until one fails, so the file has either name.
    return bad_tar("a global header has a name, and a number that is none");
  }
  return out;
}

// What the records may have changed: size, type of an old folder, a sparse map.
Result<void> TarReader::finish(TarHeader& header, const TarBlock& block) {
  if (header.type == '\0') header.type = header.name.ends_with('/') ? '5' : '0';
  if (auto begun = begin_contents(header); !begun) return begun;
  if (header.type == 'S') {
    auto map = read_gnu_sparse(header, block, [this]() -> Result<TarBlock> {
      TarBlock more{};
      const auto found = read_block(more);
      if (!found) return tl::unexpected(found.error());
      if (!*found) return truncated();
      return more;
    });
    if (!map) return base::pass_on(map);
    is_sparse_ = true;
    map_ = std::move(*map);
  } else {
    auto map = read_pax_sparse(header, [this] { return block_of_contents(); });
    if (!map) return base::pass_on(map);
    is_sparse_ = map->has_value();
    if (is_sparse_) map_ = std::move(**map);
  }
  if (!is_sparse_) return {};
  if (header.header_only() || !is_valid(map_, header.size)) return bad_tar("a sparse map is not one of its file");
  std::erase_if(map_, [](const Fragment& fragment) { return fragment.length == 0; });
  logical_ = static_cast<std::uint64_t>(header.size);
  return {};
}

Result<void> TarReader::check_contents() const {
  std::uint64_t bytes = logical_;
  if (is_sparse_) {
    bytes = 0;
    for (const Fragment& fragment : map_) bytes += static_cast<std::uint64_t>(fragment.length);
  }
  if (bytes > packed_) return bad_tar("a sparse file has less contents than its map says");
  if (bytes < packed_) return bad_tar("a sparse file has more contents than its map says");
  return {};
}

Result<std::size_t> TarReader::read(std::span<std::byte> out) {
  out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), logical_)));
  const std::size_t total = out.size();
  while (!out.empty()) {
    std::uint64_t hole = 0, data = logical_;
    if (is_sparse_) {
      const bool last = fragment_ == map_.size();
      const std::uint64_t begin = last ? at_ + logical_ : static_cast<std::uint64_t>(map_[fragment_].offset);
      hole = begin > at_ ? begin - at_ : 0;
      data = last ? 0 : static_cast<std::uint64_t>(map_[fragment_].offset + map_[fragment_].length) - at_;
    }
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), hole > 0 ? hole : data));
    if (hole > 0) {
      std::fill_n(out.begin(), piece, std::byte{0});
    } else {
      if (piece > packed_) return bad_tar("a sparse file has less contents than its map says");
      if (auto read = read_packed(out.first(piece)); !read) return base::pass_on(read);
      if (is_sparse_ && piece == data) ++fragment_;
    }
    out = out.subspan(piece);
    at_ += piece;
    logical_ -= piece;
  }
  return total;
}

}  // namespace blindbox::archive
