// SPDX-License-Identifier: Apache-2.0
#include "blindbox/archive/tar_writer.h"

#include <algorithm>
#include <array>

#include "blindbox/archive/tar_header.h"

namespace blindbox::archive {
namespace {

constexpr std::size_t kShortName = 100;
constexpr std::uint64_t kMostOctal11 = (std::uint64_t{1} << 33) - 1;
constexpr std::uint64_t kMostOctal7 = (std::uint64_t{1} << 21) - 1;

void put_text(TarBlock& block, std::size_t offset, std::string_view text) {
  std::transform(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(offset),
                 [](char c) { return static_cast<std::byte>(c); });
}

// digits octal digits; what does not fit stands in a pax record.
void put_octal(TarBlock& block, std::size_t offset, std::size_t digits, std::uint64_t value) {
  for (std::size_t i = digits; i-- > 0;) {
    block[offset + i] = static_cast<std::byte>('0' + (value & 7U));
    value >>= 3U;
  }
}

TarBlock make_header(const TarEntry& entry) {
  TarBlock block{};
  put_text(block, 0, std::string_view(entry.name).substr(0, kShortName));
  put_octal(block, 100, 7, entry.mode);
  put_octal(block, 108, 7, entry.uid <= kMostOctal7 ? entry.uid : 0);
  put_octal(block, 116, 7, entry.gid <= kMostOctal7 ? entry.gid : 0);
  put_octal(block, 124, 11, entry.size <= kMostOctal11 ? entry.size : 0);
  put_octal(block, 136, 11, entry.modified <= kMostOctal11 ? entry.modified : 0);
  block[156] = static_cast<std::byte>(entry.type);
  put_text(block, 157, std::string_view(entry.link).substr(0, kShortName));
  put_text(block, 257, std::string_view("ustar\00000", 8));
  put_octal(block, 329, 7, 0);
  put_octal(block, 337, 7, 0);
  put_text(block, 148, "        ");
  std::uint64_t sum = 0;
  for (const std::byte byte : block) sum += std::to_integer<std::uint64_t>(byte);
  put_octal(block, 148, 6, sum);
  block[154] = std::byte{0};
  return block;
}

// "length key=value\n", where length counts its own digits too.
std::string record(std::string_view key, const std::string& value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + std::to_string(rest).size();
  length = rest + std::to_string(length).size();
  return std::to_string(length) + " " + std::string(key) + "=" + value + "\n";
}

std::string records(const TarEntry& entry) {
  std::string out;
  if (entry.gid > kMostOctal7) out += record("gid", std::to_string(entry.gid));
  if (entry.link.size() > kShortName) out += record("linkpath", entry.link);
  if (entry.modified > kMostOctal11) out += record("mtime", std::to_string(entry.modified));
  if (entry.name.size() > kShortName) out += record("path", entry.name);
  if (entry.size > kMostOctal11) out += record("size", std::to_string(entry.size));
  if (entry.uid > kMostOctal7) out += record("uid", std::to_string(entry.uid));
  return out;
}

}  // namespace

Result<void> TarWriter::pad() {
  if (left_ > 0) return base::fail(ErrorKind::internal, "an entry of a tar archive has less contents than its size");
  const TarBlock zeros{};
  const auto length = static_cast<std::size_t>(padding_);
  padding_ = 0;
  return length == 0 ? Result<void>{} : write_(ByteView(zeros).first(length));
}

Result<void> TarWriter::begin(const TarEntry& entry) {
  if (const std::string extended = records(entry); !extended.empty()) {
    TarEntry pax;
    pax.name = "pax";
    pax.type = 'x';
    if (auto added = add(std::move(pax), base::view(extended)); !added) return added;
  }
  if (auto padded = pad(); !padded) return padded;
  left_ = entry.size;
  padding_ = -entry.size % kTarBlock;
  return write_(make_header(entry));
}

Result<void> TarWriter::write(ByteView bytes) {
  if (bytes.size() > left_) {
    return base::fail(ErrorKind::internal, "an entry of a tar archive has more contents than its size");
  }
  left_ -= bytes.size();
  return write_(bytes);
}

Result<void> TarWriter::add(TarEntry entry, ByteView contents) {
  entry.size = contents.size();
  if (auto begun = begin(entry); !begun) return begun;
  return contents.empty() ? Result<void>{} : write(contents);
}

Result<void> TarWriter::finish() {
  if (auto padded = pad(); !padded) return padded;
  const ByteArray<2 * kTarBlock> zeros{};
  return write_(zeros);
}

}  // namespace blindbox::archive
