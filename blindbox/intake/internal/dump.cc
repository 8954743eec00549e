// SPDX-License-Identifier: Apache-2.0
// Hexadecimal dumps with offsets: xxd, hexdump -C and plain hexdump, od -t x1.
#include <algorithm>
#include <charconv>
#include <vector>

#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake::internal {
namespace {

constexpr std::size_t kDumpCap = std::size_t{1} << 20;  // of text; a report with its certificates has 50 kB
constexpr std::size_t kLeastOffset = 6;                 // digits: od -A x; hexdump and od have 7, xxd and hexdump -C 8
constexpr std::size_t kMostLine = 64;                   // bytes; xxd -c goes beyond 16
constexpr int kHexadecimal = 16;
constexpr int kOctal = 8;

std::optional<std::size_t> number(std::string_view digits, int radix) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, radix);
  return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
}

struct Line {
  std::string_view offset;
  std::string_view data;
  bool colon = false;  // xxd's, which separates the characters by two spaces
};

std::optional<Line> split(std::string_view text) {
  const auto end = text.find_first_not_of("0123456789abcdefABCDEF");
  Line line{.offset = text.substr(0, end), .data = {}};
  if (line.offset.size() < kLeastOffset || line.offset.size() > 16) return std::nullopt;
  if (end == std::string_view::npos) return line;
  line.colon = text[end] == ':';
  line.data = text.substr(end + (line.colon ? 1 : 0));
  if (!line.data.starts_with(' ')) return std::nullopt;
  if (line.colon) {
    line.data.remove_prefix(1);
    line.data = line.data.substr(0, line.data.find("  "));
  }
  line.data = trim(line.data.substr(0, line.data.find('|')));
  return line;
}

// Words of four digits without xxd's colon are numbers as a little-endian machine reads them.
bool append_word(std::string_view word, bool colon, Bytes& out) {
  const auto bytes = word.size() % 2 == 0 ? base::from_hex(word) : Result<Bytes>(Bytes{});
  if (!bytes || bytes->empty()) return false;
  const bool swapped = !colon && bytes->size() == 2;
  if (!colon && bytes->size() > 2) return false;
  if (swapped) {
    out.insert(out.end(), bytes->rbegin(), bytes->rend());
  } else {
    out.insert(out.end(), bytes->begin(), bytes->end());
  }
  return true;
}

class Dump {
 public:
  // False: this is no dump.
  bool add(std::string_view text) {
    if (text == "*") {  // lines like the last one
      repeat_ = true;
      return !last_.empty();
    }
    const auto line = split(text);
    if (!line || !reach(*line)) return false;
    last_.clear();
    std::string_view rest = line->data;
    words_ = words_ || (!line->colon && rest.find(' ') == 4);
    while (!rest.empty()) {
      const auto end = rest.find(' ');
      if (!append_word(rest.substr(0, end), line->colon, last_) || last_.size() > kMostLine) return false;
      rest = end == std::string_view::npos ? std::string_view{} : trim(rest.substr(end));
    }
    bytes_.insert(bytes_.end(), last_.begin(), last_.end());
    ++lines_;
    return bytes_.size() <= kDumpCap;
  }

  [[nodiscard]] std::optional<Bytes> bytes() && {
    if (lines_ < 2 || repeat_) return std::nullopt;
    return std::move(bytes_);
  }

 private:
  // Each line stands where the last one ended, by one way of counting throughout.
  bool reach(const Line& line) {
    // Plain hexdump fills the last word of an odd number of bytes with a zero; the last offset tells.
    const bool filled = words_ && !repeat_ && line.data.empty() && !bytes_.empty() && bytes_.back() == std::byte{0};
    const auto is_filled = [&](std::size_t at) { return filled && at % 2 == 1 && at + 1 == bytes_.size(); };
    std::erase_if(radices_, [&](int radix) {
      const auto at = number(line.offset, radix);
      if (at && is_filled(*at)) return false;
      return !at || *at > kDumpCap || (repeat_ ? *at < bytes_.size() : *at != bytes_.size());
    });
    if (radices_.empty()) return false;
    const std::size_t at = *number(line.offset, radices_.front());
    if (is_filled(at)) bytes_.pop_back();
    while (repeat_ && bytes_.size() < at) bytes_.insert(bytes_.end(), last_.begin(), last_.end());
    repeat_ = false;
    return bytes_.size() == at;
  }

  std::vector<int> radices_ = {kHexadecimal, kOctal};
  Bytes bytes_;
  Bytes last_;
  std::size_t lines_ = 0;
  bool repeat_ = false;
  bool words_ = false;  // of two bytes, little-endian
};

std::optional<Bytes> decode_dump(std::string_view text) {
  Dump dump;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (!line.empty() && !dump.add(line)) return std::nullopt;
  }
  return std::move(dump).bytes();
}

}  // namespace

Result<bool> read_dump(ByteView bytes, const Reading& reading) {
  const std::string_view text = trim(base::as_text(bytes));
  if (text.size() > 8 * kDumpCap || !text.starts_with("000000")) return false;
  const auto decoded = decode_dump(text);
  return decoded ? recognise(*decoded, reading.decoded()) : Result<bool>(false);
}

}  // namespace blindbox::intake::internal
