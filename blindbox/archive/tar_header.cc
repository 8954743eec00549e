// SPDX-License-Identifier: Apache-2.0
#include "blindbox/archive/tar_header.h"

#include <algorithm>

namespace blindbox::archive {
namespace {

using namespace std::string_view_literals;

// Reads fields one after another and remembers whether each was a number.
class Fields {
 public:
  explicit Fields(const TarBlock& block) : block_(block) {}
  std::int64_t number(std::size_t offset, std::size_t length) {
    const auto value = parse_numeric(field(block_, offset, length));
    ok_ = ok_ && value.has_value();
    return value.value_or(0);
  }
  [[nodiscard]] std::string text(std::size_t offset, std::size_t length) const {
    return std::string(until_nul(field(block_, offset, length)));
  }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  const TarBlock& block_;
  bool ok_ = true;
};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
}

// GNU keeps times where ustar keeps the prefix of the name. Archives exist that say GNU and mean ustar: where the times
// are no numbers, a prefix in ASCII is taken for one.
std::string read_gnu(const TarBlock& block, const Fields& fields, TarHeader& header) {
  Fields times(block);
  if (block[345] != std::byte{0}) header.accessed = Time::of(times.number(345, 12));
  if (block[357] != std::byte{0}) header.changed = Time::of(times.number(357, 12));
  if (times.ok()) return "";
  header.accessed = header.changed = Time{};
  const std::string prefix = fields.text(345, 155);
  return is_ascii(prefix) ? prefix : "";
}

std::string read_extension(const TarBlock& block, Dialect dialect, Fields& fields, TarHeader& header) {
  header.device_major = fields.number(329, 8);
  header.device_minor = fields.number(337, 8);
  switch (dialect) {
    case Dialect::ustar: return fields.text(345, 155);
    case Dialect::star:
      header.accessed = Time::of(fields.number(476, 12));
      header.changed = Time::of(fields.number(488, 12));
      return fields.text(345, 131);
    case Dialect::gnu: return read_gnu(block, fields, header);
    case Dialect::v7: break;
  }
  return "";
}

struct PaxRecord {
  std::string_view key;
  std::string_view value;
};

// Takes the first record off text; nothing where it is none.
std::optional<PaxRecord> next_record(std::string_view& text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const auto length = parse_decimal(text.substr(0, blank));
  if (!length || *length < 5 || *length > static_cast<std::int64_t>(text.size())) return std::nullopt;
  const auto end = static_cast<std::size_t>(*length);
  if (end <= blank + 1 || text[end - 1] != '\n') return std::nullopt;
  const std::string_view record = text.substr(blank + 1, end - blank - 2);
  text.remove_prefix(end);
  const std::size_t equals = record.find('=');
  if (equals == std::string_view::npos || equals == 0) return std::nullopt;
  const PaxRecord out{record.substr(0, equals), record.substr(equals + 1)};
  const bool is_text = out.key == "path" || out.key == "linkpath" || out.key == "uname" || out.key == "gname";
  const bool has_nul = (is_text ? out.value : out.key).find('\0') != std::string_view::npos;
  return has_nul ? std::nullopt : std::optional(out);
}

bool set_number(std::int64_t& out, std::string_view value) {
  const auto number = parse_decimal(value);
  out = number.value_or(0);
  return number.has_value();
}

bool set_time(Time& out, std::string_view value) {
  const auto time = parse_pax_time(value);
  out = time.value_or(Time{});
  return time.has_value();
}

bool apply(TarHeader& header, std::string_view key, const std::string& value) {
  if (key == "path") header.name = value;
  if (key == "linkpath") header.link = value;
  if (key == "uid") return set_number(header.uid, value);
  if (key == "gid") return set_number(header.gid, value);
  if (key == "size") return set_number(header.size, value);
  if (key == "atime") return set_time(header.accessed, value);
  if (key == "mtime") return set_time(header.modified, value);
  if (key == "ctime") return set_time(header.changed, value);
  return true;
}

}  // namespace

tl::unexpected<Error> bad_tar(const std::string& why) {
  return base::fail(ErrorKind::malformed, "the layer is not a tar archive: " + why);
}

std::string_view field(const TarBlock& block, std::size_t offset, std::size_t length) {
  return base::as_text(ByteView(block).subspan(offset, length));
}

Result<Dialect> dialect_of(const TarBlock& block) {
  // Old writers added the bytes up as signed ones.
  std::int64_t unsigned_sum = 0, signed_sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const auto value = i >= 148 && i < 156 ? std::uint8_t{' '} : std::to_integer<std::uint8_t>(block[i]);
    unsigned_sum += value;
    signed_sum += static_cast<std::int8_t>(value);
  }
  const auto sum = parse_octal(field(block, 148, 8));
  if (!sum || (*sum != unsigned_sum && *sum != signed_sum)) return bad_tar("a header's checksum is wrong");
  const std::string_view magic = field(block, 257, 6);
  if (magic == "ustar\0"sv) return field(block, 508, 4) == "tar\0"sv ? Dialect::star : Dialect::ustar;
  return field(block, 257, 8) == "ustar  \0"sv ? Dialect::gnu : Dialect::v7;
}

Result<TarHeader> parse_header(const TarBlock& block) {
  const auto dialect = dialect_of(block);
  if (!dialect) return tl::unexpected(dialect.error());
  Fields fields(block);
  TarHeader header;
  header.name = fields.text(0, 100);
  header.mode = fields.number(100, 8);
  header.uid = fields.number(108, 8);
  header.gid = fields.number(116, 8);
  header.size = fields.number(124, 12);
  header.modified = Time::of(fields.number(136, 12));
  header.type = static_cast<char>(block[156]);
  header.link = fields.text(157, 100);
  if (*dialect != Dialect::v7) {
    const std::string prefix = read_extension(block, *dialect, fields, header);
    if (!prefix.empty()) header.name = prefix + "/" + header.name;
  }
  if (!fields.ok()) return bad_tar("a header has a number that is none");
  return header;
}

Result<PaxRecords> parse_pax(std::string_view text) {
  PaxRecords records;
  std::string sparse;
  std::size_t sparse_values = 0;
  while (!text.empty()) {
    const auto record = next_record(text);
    if (!record) return bad_tar("a pax record is damaged");
    const bool offset = record->key == "GNU.sparse.offset";
    if (!offset && record->key != "GNU.sparse.numbytes") {
      records.insert_or_assign(std::string(record->key), std::string(record->value));
      continue;
    }
    if (offset != (sparse_values % 2 == 0) || record->value.find(',') != std::string_view::npos) {
      return bad_tar("a sparse map of pax records is out of order");
    }
    if (sparse_values++ > 0) sparse += ',';
    sparse += record->value;
  }
  if (sparse_values > 0) records.insert_or_assign("GNU.sparse.map", std::move(sparse));
  return records;
}

Result<void> apply_pax(TarHeader& header, PaxRecords records) {
  bool ok = true;
  for (const auto& [key, value] : records) {
    if (!value.empty()) ok = apply(header, key, value) && ok;
  }
  if (!ok) return bad_tar("a pax record has a number that is none");
  header.records = std::move(records);
  return {};
}

}  // namespace blindbox::archive
