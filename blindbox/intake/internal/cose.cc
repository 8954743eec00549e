// SPDX-License-Identifier: Apache-2.0
// COSE_Sign1: Azure's endorsement of the utility VM, or a statement that an attested service signed and that carries
// the service's evidence in its protected header. Only the outline is read here; an endorsement goes on as it is.
#include <algorithm>

#include "blindbox/base/reader.h"
#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake::internal {
namespace {

enum Major : unsigned { kBytes = 2, kText = 3, kArray = 4, kMap = 5, kTag = 6 };

struct Head {
  unsigned major = 0;
  std::uint64_t value = 0;
};

// Steps over well-formed CBOR of definite lengths (RFC 8949, section 3), whatever it says, without recursion.
class Outline {
 public:
  explicit Outline(ByteView bytes) : in_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_ && in_.ok(); }
  [[nodiscard]] std::size_t remaining() const { return in_.remaining(); }

  Head head() {
    const std::uint8_t first = in_.u8();
    const unsigned extra = first & 31U;
    if (extra > 27) ok_ = false;
    std::uint64_t value = extra;
    if (extra >= 24 && ok()) {
      value = 0;
      for (std::size_t i = std::size_t{1} << (extra - 24); i > 0; --i) value = value << 8 | in_.u8();
    }
    return {static_cast<unsigned>(first >> 5), value};
  }

  // What a head of bytes or text announces.
  ByteView string(const Head& head) {
    if (head.value > in_.remaining()) ok_ = false;
    return ok() ? in_.take(static_cast<std::size_t>(head.value)) : ByteView{};
  }

  void skip() { skip(head()); }
  void skip(Head head) {
    for (std::uint64_t pending = 1; pending > 0 && ok();) {
      --pending;
      if (head.major == kBytes || head.major == kText) (void)string(head);
      // An element takes a byte at least.
      if ((head.major == kArray || head.major == kMap) && head.value > in_.remaining()) ok_ = false;
      if (head.major == kArray) pending += head.value;
      if (head.major == kMap) pending += 2 * head.value;
      if (head.major == kTag) ++pending;
      if (pending > 0 && ok()) head = this->head();
    }
  }

 private:
  base::Reader in_;
  bool ok_ = true;
};

struct Sign1 {
  bool tagged = false;
  bool whole = false;  // well-formed, with nothing but a line's end behind it
  ByteView item;       // without that
  ByteView protected_header;
};

Sign1 outline(ByteView bytes) {
  Outline in(bytes);
  Head head = in.head();
  Sign1 out;
  out.tagged = head.major == kTag && head.value == 18;  // RFC 9052, section 2
  if (out.tagged) head = in.head();
  if (!in.ok() || head.major != kArray || head.value != 4) return {};
  head = in.head();
  if (head.major != kBytes) return {};
  out.protected_header = in.string(head);
  for (int i = 0; i < 3; ++i) in.skip();
  const ByteView trimmed = without_line_end(bytes);
  out.whole = in.ok() && (in.remaining() == 0 || in.remaining() == bytes.size() - trimmed.size());
  out.item = out.whole ? bytes.first(bytes.size() - in.remaining()) : bytes;
  return out;
}

constexpr std::string_view kCarried[] = {"attestation", "snp_endorsements", "uvm_endorsements"};

// The evidence in one map of the header: {"attestation": report, "snp_endorsements": PEM, "uvm_endorsements": COSE}.
Result<bool> read_carried(Outline& in, std::uint64_t entries, const Reading& reading) {
  bool any = false;
  for (; entries > 0 && in.ok(); --entries) {
    const Head key = in.head();
    const std::string_view name = key.major == kText ? base::as_text(in.string(key)) : std::string_view{};
    if (key.major != kText) in.skip(key);
    const Head value = in.head();
    const bool carried = value.major == kBytes && std::ranges::find(kCarried, name) != std::end(kCarried);
    if (!carried) {
      in.skip(value);
      continue;
    }
    auto known = recognise(in.string(value), reading);
    if (!known) return known;
    any = any || *known;
  }
  return any;
}

Result<bool> read_statement(ByteView protected_header, const Reading& reading) {
  Outline in(protected_header);
  const Head map = in.head();
  if (map.major != kMap) return false;
  bool any = false;
  for (std::uint64_t entries = map.value; entries > 0 && in.ok(); --entries) {
    const Head key = in.head();
    in.skip(key);
    const Head value = in.head();
    if (key.major != kText || value.major != kMap) {
      in.skip(value);
      continue;
    }
    auto known = read_carried(in, value.value, reading);
    if (!known) return known;
    any = any || *known;
  }
  return any;
}

}  // namespace

Result<bool> read_cose(ByteView bytes, const Reading& reading) {
  const Sign1 sign1 = outline(bytes);
  // Without the tag only a whole array of four is told from other bytes.
  if (sign1.protected_header.empty() || !(sign1.tagged || sign1.whole)) return false;
  auto statement = read_statement(sign1.protected_header, reading.inside());
  if (!statement || *statement) return statement;
  if (const auto taken = reading.collector.take(Part::uvm_endorsement, sign1.item); !taken) {
    return tl::unexpected<Error>(taken.error());
  }
  return true;
}

}  // namespace blindbox::intake::internal
