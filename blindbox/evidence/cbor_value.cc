// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/cbor_value.h"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "blindbox/base/reader.h"

namespace blindbox::evidence {
namespace {

using base::fail;
using Kind = CborValue::Kind;

constexpr std::uint64_t kIndefinite = 31;

class Parser {
 public:
  explicit Parser(ByteView cbor) : reader_(cbor) {}

  CborValue value(std::size_t depth);
  std::string finish() {
    if (reader_.remaining() != 0) refuse("trailing bytes");
    return problem_;
  }

 private:
  bool ok() const { return problem_.empty(); }
  void refuse(const char* what) {
    if (ok()) problem_ = what;
  }
  std::uint64_t argument(unsigned info);
  ByteView string(std::uint64_t length);
  void children(CborValue& out, std::uint64_t count, std::size_t depth);
  void check_keys(const CborValue& map);

  base::Reader reader_;
  std::size_t values_ = 0;
  std::string problem_;
};

std::uint64_t Parser::argument(unsigned info) {
  if (info < 24) return info;
  if (info > 27) {
    refuse(info == kIndefinite ? "indefinite length" : "a reserved length");
    return 0;
  }
  std::uint64_t number = 0;
  for (unsigned width = 1U << (info - 24); width-- > 0;) number = number << 8U | reader_.u8();
  if (!reader_.ok()) refuse("truncated");
  return number;
}

ByteView Parser::string(std::uint64_t length) {
  if (length > reader_.remaining()) {
    refuse("truncated");
    return {};
  }
  return reader_.take(static_cast<std::size_t>(length));
}

void Parser::children(CborValue& out, std::uint64_t count, std::size_t depth) {
  // Each value takes a byte at least: a count that cannot be true allocates nothing.
  if (count > reader_.remaining()) return refuse("truncated");
  for (std::uint64_t i = 0; i < count && ok(); ++i) out.children.push_back(value(depth + 1));
}

void Parser::check_keys(const CborValue& map) {
  std::set<std::tuple<Kind, std::uint64_t, std::string_view>> seen;
  for (std::size_t i = 0; i < map.children.size() && ok(); i += 2) {
    const CborValue& key = map.children[i];
    if (key.kind != Kind::unsigned_integer && key.kind != Kind::negative_integer && key.kind != Kind::text) {
      refuse("a key that is neither an integer nor a text");
    } else if (!seen.emplace(key.kind, key.number, base::as_text(key.content)).second) {
      refuse("duplicate key");
    }
  }
}

CborValue Parser::value(std::size_t depth) {
  CborValue out;
  if (depth > kCborMaxDepth) refuse("too many values within values");
  if (++values_ > kCborMaxValues) refuse("too many values");
  if (!ok()) return out;
  const unsigned initial = reader_.u8();
  if (!reader_.ok()) refuse("truncated");
  const unsigned info = initial & 31U;
  const std::uint64_t number = argument(info);
  if (!ok()) return out;
  switch (initial >> 5U) {
    case 0: out.kind = Kind::unsigned_integer, out.number = number; break;
    case 1: out.kind = Kind::negative_integer, out.number = number; break;
    case 2: out.kind = Kind::bytes, out.content = string(number); break;
    case 3:
      out.kind = Kind::text, out.content = string(number);
      if (!base::is_utf8(base::as_text(out.content))) refuse("a text is not UTF-8");
      break;
    case 4: out.kind = Kind::array, children(out, number, depth); break;
    case 5:
      out.kind = Kind::map;
      // Before it is doubled: the bytes that are left bound it.
      if (number > reader_.remaining()) refuse("truncated");
      if (ok()) children(out, 2 * number, depth);
      check_keys(out);
      break;
    case 6: out.kind = Kind::tag, out.number = number, children(out, 1, depth); break;
    default:  // simple values and floating point numbers, which nobody here asks for
      if (info == 24 && number < 32) refuse("a simple value in two bytes that has one");
  }
  return out;
}

}  // namespace

std::optional<std::int64_t> CborValue::integer() const {
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  if (kind == Kind::unsigned_integer) return static_cast<std::int64_t>(number);
  if (kind == Kind::negative_integer) return -1 - static_cast<std::int64_t>(number);
  return std::nullopt;
}

std::optional<std::string_view> CborValue::text() const {
  return kind == Kind::text ? std::optional(base::as_text(content)) : std::nullopt;
}

std::optional<ByteView> CborValue::bytes() const { return kind == Kind::bytes ? std::optional(content) : std::nullopt; }

bool CborValue::same_key(const CborValue& other) const {
  return kind == other.kind && number == other.number && std::ranges::equal(content, other.content);
}

const CborValue* CborValue::find(std::int64_t key) const {
  if (kind != Kind::map) return nullptr;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    if (children[i].integer() == key) return &children[i + 1];
  }
  return nullptr;
}

const CborValue* CborValue::find(std::string_view key) const {
  if (kind != Kind::map) return nullptr;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    if (children[i].text() == key) return &children[i + 1];
  }
  return nullptr;
}

Result<CborValue> parse_cbor(ByteView cbor) {
  Parser parser(cbor);
  CborValue value = parser.value(0);
  if (const std::string problem = parser.finish(); !problem.empty()) {
    return fail(ErrorKind::malformed, "malformed CBOR", problem);
  }
  return value;
}

}  // namespace blindbox::evidence
