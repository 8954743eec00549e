// SPDX-License-Identifier: Apache-2.0
// The one bounds-checked reader for foreign bytes. It never reads past the end: a short input turns the reader
// bad, every later value is zero, and the caller asks ok() once.
#pragma once

#include <cstdint>

#include "blindbox/base/bytes.h"

namespace blindbox::base {

class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }

  // A view of the next length bytes, empty when there are fewer.
  ByteView take(std::size_t length) {
    if (length > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const ByteView head = rest_.first(length);
    rest_ = rest_.subspan(length);
    return head;
  }

  template <std::size_t N>
  ByteArray<N> array() {
    ByteArray<N> out{};
    const ByteView head = take(N);
    for (std::size_t i = 0; i < head.size(); ++i) out[i] = head[i];
    return out;
  }

  std::uint8_t u8() { return static_cast<std::uint8_t>(little_endian(1)); }
  std::uint16_t u16le() { return static_cast<std::uint16_t>(little_endian(2)); }
  std::uint32_t u32le() { return static_cast<std::uint32_t>(little_endian(4)); }
  std::uint64_t u64le() { return little_endian(8); }

 private:
  std::uint64_t little_endian(std::size_t width) {
    const ByteView head = take(width);
    std::uint64_t value = 0;
    for (std::size_t i = head.size(); i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(head[i]);
    return value;
  }

  ByteView rest_;
  bool ok_ = true;
};

}  // namespace blindbox::base
