// SPDX-License-Identifier: Apache-2.0
#include "blindbox/archive/sparse.h"

#include <algorithm>
#include <limits>

namespace blindbox::archive {
namespace {

constexpr std::size_t kElement = 24;  // offset and length, 12 characters each
constexpr std::size_t kMapInHeader = 386;
constexpr std::size_t kEntriesInHeader = 4;
constexpr std::size_t kHeaderMapSize = kEntriesInHeader * kElement + 1;
constexpr std::size_t kEntriesInBlock = 21;
constexpr std::size_t kFragmentCap = std::size_t{1} << 20;

tl::unexpected<Error> too_long() { return bad_tar("a sparse map is too long"); }

// Elements up to the first that begins with NUL.
Result<void> read_elements(const TarBlock& block, std::size_t at, std::size_t count, SparseMap& map) {
  for (std::size_t i = 0; i < count; ++i, at += kElement) {
    if (block[at] == std::byte{0}) return {};
    const auto offset = parse_numeric(field(block, at, 12));
    const auto length = parse_numeric(field(block, at + 12, 12));
    if (!offset || !length) return bad_tar("a sparse map has a number that is none");
    if (map.size() >= kFragmentCap) return too_long();
    map.push_back({*offset, *length});
  }
  return {};
}

std::string_view record(const TarHeader& header, std::string_view key) {
  const auto found = header.records.find(key);
  return found == header.records.end() ? std::string_view() : std::string_view(found->second);
}

// Decimal numbers, each ended by separator but for the last of a text that has ended.
class Numbers {
 public:
  Numbers(char separator, NextBlock next) : separator_(separator), next_(std::move(next)) {}
  Numbers(char separator, std::string_view text) : separator_(separator), text_(text) {}

  Result<std::int64_t> take() {
    std::size_t end = text_.find(separator_, at_);
    while (end == std::string::npos && next_) {
      read_ += kTarBlock;
      if (read_ > kSpecialFileCap) return too_long();
      auto block = next_();
      if (!block) return base::pass_on(block);
      const std::size_t from = text_.size();
      text_ += base::as_text(*block);
      end = text_.find(separator_, from);
    }
    if (end == std::string::npos) end = text_.size();
    if (at_ > text_.size()) return bad_tar("a sparse map ends too early");
    const auto value = parse_decimal(std::string_view(text_).substr(at_, end - at_));
    at_ = end + 1;
    if (!value) return bad_tar("a sparse map has a number that is none");
    return *value;
  }

 private:
  char separator_;
  NextBlock next_;
  std::string text_;
  std::size_t at_ = 0;
  std::size_t read_ = 0;
};

Result<SparseMap> read_pairs(Numbers& numbers, std::int64_t count) {
  SparseMap map;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto offset = numbers.take();
    if (!offset) return tl::unexpected(offset.error());
    const auto length = numbers.take();
    if (!length) return tl::unexpected(length.error());
    if (map.size() >= kFragmentCap) return too_long();
    map.push_back({*offset, *length});
  }
  return map;
}

// 1.0: the map stands before the contents, a number a line.
Result<SparseMap> read_map_in_contents(const NextBlock& next) {
  Numbers numbers('\n', next);
  const auto count = numbers.take();
  if (!count) return tl::unexpected(count.error());
  if (*count < 0) return bad_tar("a sparse map has a negative number of entries");
  return read_pairs(numbers, *count);
}

// 0.0 and 0.1: the map is a record, and another says how many entries it has.
Result<SparseMap> read_map_in_records(const TarHeader& header) {
  const auto count = parse_decimal(record(header, "GNU.sparse.numblocks"));
  if (!count || *count < 0) return bad_tar("a sparse map does not say how many entries it has");
  const std::string_view text = record(header, "GNU.sparse.map");
  const std::int64_t values = text.empty() ? 0 : 1 + std::count(text.begin(), text.end(), ',');
  if (values % 2 != 0 || values / 2 != *count)
    return bad_tar("a sparse map has another number of entries than it says");
  Numbers numbers(',', text);
  return read_pairs(numbers, *count);
}

}  // namespace

Result<SparseMap> read_gnu_sparse(TarHeader& header, const TarBlock& block, const NextBlock& next) {
  const auto dialect = dialect_of(block);
  if (!dialect || *dialect != Dialect::gnu) return bad_tar("a sparse file is not in GNU's format");
  const auto size = parse_numeric(field(block, 483, 12));
  if (!size) return bad_tar("a sparse file has a size that is no number");
  header.size = *size;
  SparseMap map;
  if (auto read = read_elements(block, kMapInHeader, kEntriesInHeader, map); !read) return base::pass_on(read);
  bool more = block[kMapInHeader + kEntriesInHeader * kElement] != std::byte{0};
  for (std::size_t total = kHeaderMapSize; more;) {
    auto extension = next();
    if (!extension) return base::pass_on(extension);
    total += kTarBlock;
    if (total >= kSpecialFileCap) return too_long();
    if (auto read = read_elements(*extension, 0, kEntriesInBlock, map); !read) return base::pass_on(read);
    more = (*extension)[kEntriesInBlock * kElement] != std::byte{0};
  }
  return map;
}

Result<std::optional<SparseMap>> read_pax_sparse(TarHeader& header, const NextBlock& next) {
  const std::string_view major = record(header, "GNU.sparse.major");
  const std::string_view minor = record(header, "GNU.sparse.minor");
  const bool in_contents = major == "1" && minor == "0";
  const bool in_records = (major == "0" && (minor == "0" || minor == "1")) ||
                          (major.empty() && minor.empty() && !record(header, "GNU.sparse.map").empty());
  if (!in_contents && !in_records) return std::nullopt;
  if (const auto name = record(header, "GNU.sparse.name"); !name.empty()) header.name = name;
  std::string_view size = record(header, "GNU.sparse.size");
  if (size.empty()) size = record(header, "GNU.sparse.realsize");
  if (!size.empty()) {
    const auto number = parse_decimal(size);
    if (!number) return bad_tar("a sparse file has a size that is no number");
    header.size = *number;
  }
  auto map = in_contents ? read_map_in_contents(next) : read_map_in_records(header);
  if (!map) return base::pass_on(map);
  return std::optional<SparseMap>(std::move(*map));
}

bool is_valid(const SparseMap& map, std::int64_t size) {
  if (size < 0) return false;
  std::int64_t end = 0;
  for (const Fragment& fragment : map) {
    if (fragment.offset < 0 || fragment.length < 0) return false;
    if (fragment.offset > std::numeric_limits<std::int64_t>::max() - fragment.length) return false;
    if (fragment.offset < end || fragment.offset + fragment.length > size) return false;
    end = fragment.offset + fragment.length;
  }
  return true;
}

}  // namespace blindbox::archive
