// SPDX-License-Identifier: Apache-2.0
// One 512-byte header of a tar archive: v7, ustar (POSIX 1003.1-1988), star and GNU, and the pax records that amend it.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "blindbox/archive/numbers.h"
#include "blindbox/base/bytes.h"

namespace blindbox::archive {

constexpr std::size_t kTarBlock = 512;
// Of a long name, a set of pax records or a sparse map; the original's limit.
constexpr std::size_t kSpecialFileCap = std::size_t{1} << 20;

using TarBlock = ByteArray<kTarBlock>;
using PaxRecords = std::map<std::string, std::string, std::less<>>;

enum class Dialect { v7, ustar, star, gnu };

struct TarHeader {
  char type = 0;
  std::string name;
  std::string link;
  std::int64_t size = 0;
  std::int64_t mode = 0;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::int64_t device_major = 0;
  std::int64_t device_minor = 0;
  Time modified;
  Time accessed;
  Time changed;
  PaxRecords records;

  // Links, devices, folders and FIFOs have no contents, whatever their size says.
  [[nodiscard]] bool header_only() const { return type >= '1' && type <= '6'; }
};

[[nodiscard]] tl::unexpected<Error> bad_tar(const std::string& why);

// Characters of a header's field.
[[nodiscard]] std::string_view field(const TarBlock& block, std::size_t offset, std::size_t length);
// ErrorKind::malformed where the checksum is wrong.
[[nodiscard]] Result<Dialect> dialect_of(const TarBlock& block);
[[nodiscard]] Result<TarHeader> parse_header(const TarBlock& block);

// "length key=value\n" records (POSIX pax); the fragments of GNU sparse format 0.0 come back as its 0.1 map.
[[nodiscard]] Result<PaxRecords> parse_pax(std::string_view text);
// Lets the records overrule the header, and keeps them. An empty value overrules nothing.
[[nodiscard]] Result<void> apply_pax(TarHeader& header, PaxRecords records);

}  // namespace blindbox::archive
