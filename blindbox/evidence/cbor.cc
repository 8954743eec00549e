// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/cbor.h"

namespace blindbox::evidence {

void CborWriter::head(unsigned major, std::uint64_t value) {
  const auto push = [this](std::uint64_t byte) { out_.push_back(static_cast<std::byte>(byte & 0xFFU)); };
  if (value < 24) {
    push(major << 5U | value);
    return;
  }
  const unsigned log = value <= 0xFF ? 0 : value <= 0xFFFF ? 1 : value <= 0xFFFFFFFF ? 2 : 3;
  push(major << 5U | (24 + log));
  for (unsigned width = 1U << log; width-- > 0;) push(value >> (8 * width));
}

void CborWriter::bytes(ByteView value) {
  head(2, value.size());
  out_.insert(out_.end(), value.begin(), value.end());
}

void CborWriter::text(std::string_view value) {
  head(3, value.size());
  const ByteView raw = base::view(value);
  out_.insert(out_.end(), raw.begin(), raw.end());
}

void CborReader::refuse(std::string what) {
  if (problem_.empty()) problem_ = std::move(what);
}

std::uint64_t CborReader::big_endian(std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8U | reader_.u8();
  return value;
}

std::uint64_t CborReader::head(unsigned major, const char* what) {
  if (!ok()) return 0;
  const unsigned initial = reader_.u8();
  const unsigned info = initial & 31U;
  std::uint64_t value = info;
  if (info >= 24 && info <= 27) {
    const unsigned log = info - 24;
    value = big_endian(std::size_t{1} << log);
    const std::uint64_t least = log == 0 ? 24 : std::uint64_t{1} << (4U << log);
    if (reader_.ok() && value < least) refuse("a number is not in its shortest form");
  }
  if (!reader_.ok()) {
    refuse("truncated");
  } else if (initial >> 5U != major) {
    refuse(std::string("expected ") + what);
  } else if (info == 31) {
    refuse("indefinite length");
  } else if (info > 27) {
    refuse("a reserved length");
  }
  return ok() ? value : 0;
}

std::size_t CborReader::count(std::uint64_t value, std::size_t least_size) {
  if (value > reader_.remaining() / least_size) {
    refuse("truncated");
    return 0;
  }
  return static_cast<std::size_t>(value);
}

ByteView CborReader::bytes() { return reader_.take(count(head(2, "a byte string"), 1)); }

std::string_view CborReader::text() {
  const std::string_view value = base::as_text(reader_.take(count(head(3, "a text"), 1)));
  if (!base::is_utf8(value)) refuse("a text is not UTF-8");
  return value;
}

std::uint64_t CborReader::key(std::optional<std::uint64_t> previous) {
  const std::uint64_t value = head(0, "an unsigned integer as a key");
  if (ok() && previous && value == *previous) refuse("duplicate key " + std::to_string(value));
  if (ok() && previous && value < *previous) refuse("keys out of order");
  return value;
}

std::string CborReader::finish() {
  if (reader_.remaining() != 0) refuse("trailing bytes");
  return problem_;
}

}  // namespace blindbox::evidence
