// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/sentencepiece.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <unordered_set>

#include "blindbox/base/reader.h"
#include "blindbox/fetch/json.h"

namespace blindbox::model {
namespace {

using base::fail;

constexpr std::size_t kMaxPieces = std::size_t{1} << 20;
constexpr std::size_t kMaxPiece = 4096;

// Protocol buffers, encoding: the wire types. Groups (3 and 4) are of proto1 and stand in no such file.
enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct Field {
  std::uint32_t number = 0;
  Wire wire = Wire::varint;
  std::uint64_t value = 0;  // of varint and fixed ones
  ByteView bytes{};         // of wire type 2
};

tl::unexpected<Error> bad(const std::string& why, const std::string& detail = {}) {
  return fail(ErrorKind::malformed, "tokenizer.model is not a SentencePiece model: " + why, fetch::shown(detail),
              "tokenizers of another kind (tiktoken) are imported from tokenizer.json");
}

std::uint64_t varint(base::Reader& in, bool& sound) {
  std::uint64_t out = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t byte = in.u8();
    out |= (byte & 0x7FU) << shift;
    if (byte < 0x80U) {
      if (shift == 63 && byte > 1) sound = false;
      return out;
    }
  }
  sound = false;  // longer than ten bytes
  return 0;
}

// The next field of a message; nothing where it is cut off or of no wire type.
std::optional<Field> next_field(base::Reader& in) {
  bool sound = true;
  const std::uint64_t tag = varint(in, sound);
  Field out{static_cast<std::uint32_t>(tag >> 3U), static_cast<Wire>(tag & 7U), 0, {}};
  if (!in.ok() || !sound || tag >> 32U != 0 || out.number == 0) return std::nullopt;
  switch (out.wire) {
    case Wire::varint: out.value = varint(in, sound); break;
    case Wire::fixed64: out.value = in.u64le(); break;
    case Wire::fixed32: out.value = in.u32le(); break;
    case Wire::bytes: {
      const std::uint64_t length = varint(in, sound);
      if (!in.ok() || length > in.remaining()) return std::nullopt;
      out.bytes = in.take(static_cast<std::size_t>(length));
      break;
    }
    default: return std::nullopt;
  }
  return in.ok() && sound ? std::optional(out) : std::nullopt;
}

// "<0x0A>": how a piece for a single byte is spelt.
bool spells_byte(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return text.size() == 6 && text.starts_with("<0x") && text.back() == '>' &&
         kDigits.find(text[3]) != std::string_view::npos && kDigits.find(text[4]) != std::string_view::npos;
}

// What the file says of how it was made; the numbers of the fields are the specification's.
struct Trainer {
  std::uint64_t model_type = 1;  // 1 unigram, 2 BPE, 3 word, 4 char
  bool whitespace_as_suffix = false;
};

class ModelReader {
 public:
  Result<SentencePieceModel> run(ByteView file) {
    auto whole = each(file, [this](const Field& field) { return top(field); });
    if (!whole) return base::pass_on(whole);
    if (auto sound = check(); !sound) return base::pass_on(sound);
    return std::move(out_);
  }

 private:
  template <typename Take>
  Result<void> each(ByteView message, const Take& take) {
    base::Reader in(message);
    while (in.remaining() > 0) {
      const auto field = next_field(in);
      if (!field) return bad("a field is cut off or of no type");
      if (auto taken = take(*field); !taken) return taken;
    }
    return {};
  }

  // A field of another wire type than the specification's is as unknown as one of another number.
  Result<void> top(const Field& field) {
    if (field.wire != Wire::bytes) return {};
    if (field.number == 1) return piece(field.bytes);
    if (field.number == 2) return each(field.bytes, [this](const Field& inner) { return trainer(inner); });
    if (field.number == 3) return each(field.bytes, [this](const Field& inner) { return normalizer(inner); });
    return {};
  }

  Result<void> piece(ByteView message) {
    if (out_.pieces.size() == kMaxPieces)
      return fail(ErrorKind::limit, "tokenizer.model has more than a million pieces");
    SentencePiece piece;
    std::uint64_t type = 1;
    auto read = each(message, [&](const Field& field) -> Result<void> {
      if (field.number == 1 && field.wire == Wire::bytes) piece.text = std::string(base::as_text(field.bytes));
      if (field.number == 2 && field.wire == Wire::fixed32) {
        piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
      }
      if (field.number == 3 && field.wire == Wire::varint) type = field.value;
      return {};
    });
    if (!read) return read;
    const std::string where = "piece " + std::to_string(out_.pieces.size());
    if (piece.text.empty() || piece.text.size() > kMaxPiece || piece.text.find('\0') != std::string::npos ||
        !base::is_utf8(piece.text)) {
      return bad("a piece is empty, too long, or no text", where);
    }
    if (!std::isfinite(piece.score)) return bad("a score is no number", where);
    if (type < 1 || type > 6) return bad("a piece is of no type that is known", where + ": " + std::to_string(type));
    piece.type = static_cast<TokenType>(type);
    if (piece.type == TokenType::byte && !spells_byte(piece.text)) return bad("a piece spells no byte", piece.text);
    if (!texts_.insert(piece.text).second) return bad("a piece stands twice", piece.text);
    out_.pieces.push_back(std::move(piece));
    return {};
  }

  Result<void> trainer(const Field& field) {
    if (field.wire != Wire::varint) return {};
    // Negative numbers are sign-extended to 64 bits.
    const auto id = static_cast<std::int32_t>(static_cast<std::uint32_t>(field.value));
    switch (field.number) {
      case 3: trainer_.model_type = field.value; break;
      case 24: trainer_.whitespace_as_suffix = field.value != 0; break;
      case 40: out_.unk_id = id; break;
      case 41: out_.bos_id = id; break;
      case 42: out_.eos_id = id; break;
      case 43: out_.pad_id = id; break;
      default: break;
    }
    return {};
  }

  Result<void> normalizer(const Field& field) {
    if (field.number == 2 && field.wire == Wire::bytes) out_.maps_characters = !field.bytes.empty();
    if (field.wire != Wire::varint) return {};
    if (field.number == 3) out_.add_dummy_prefix = field.value != 0;
    if (field.number == 4) out_.remove_extra_whitespaces = field.value != 0;
    if (field.number == 5) escapes_ = field.value != 0;
    return {};
  }

  Result<void> check() {
    if (out_.pieces.empty()) return bad("it has no pieces");
    const auto refused = [](const std::string& what) {
      return fail(ErrorKind::model, "the SentencePiece model " + what, "",
                  "docs/models.md lists the tokenizers that can be imported");
    };
    if (trainer_.model_type == 1)
      return refused("is a unigram model: its tokens are not found by merging, as the engine does");
    if (trainer_.model_type != 2) return refused("splits text into words or characters");
    if (trainer_.whitespace_as_suffix) return refused("puts blanks behind words");
    if (!escapes_) return refused("keeps blanks as they are");
    const auto bytes = std::count_if(out_.pieces.begin(), out_.pieces.end(),
                                     [](const SentencePiece& piece) { return piece.type == TokenType::byte; });
    if (bytes != 256)
      return refused("lacks pieces for single bytes (byte_fallback): " + std::to_string(bytes) + " of 256");
    const auto count = static_cast<std::int32_t>(out_.pieces.size());
    for (std::int32_t* id : {&out_.unk_id, &out_.bos_id, &out_.eos_id, &out_.pad_id}) {
      if (*id >= count || *id < 0) *id = -1;
    }
    return {};
  }

  SentencePieceModel out_;
  Trainer trainer_;
  bool escapes_ = true;
  std::unordered_set<std::string> texts_;
};

}  // namespace

Result<SentencePieceModel> read_sentencepiece(ByteView file) { return ModelReader().run(file); }

}  // namespace blindbox::model
