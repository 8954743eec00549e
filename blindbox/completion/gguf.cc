// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/gguf.h"

#include <array>
#include <optional>
#include <set>

#include "blindbox/base/reader.h"
#include "blindbox/completion/internal/gguf_rules.h"

namespace blindbox::completion {
namespace {

using base::Reader;

constexpr std::uint64_t kMaxPairs = 4096;
constexpr std::uint64_t kMaxTensors = 16384;
constexpr std::uint64_t kMaxKey = 256;
constexpr std::uint64_t kMaxString = std::uint64_t{4} << 20;
constexpr std::uint64_t kMaxElements = std::uint64_t{4} << 20;
constexpr std::uint64_t kMaxName = 63;  // GGML_MAX_NAME with its terminator
constexpr std::uint32_t kMaxDimensions = 4;

// enum gguf_type; the width of a value, 0 for those that have none of their own.
enum : std::uint32_t { kBool = 7, kString = 8, kArray = 9 };
constexpr std::array<std::size_t, 13> kWidth = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr bool is_signed(std::uint32_t type) { return type == 1 || type == 3 || type == 5 || type == 11; }
constexpr bool is_float(std::uint32_t type) { return type == 6 || type == 12; }

tl::unexpected<Error> bad(std::string what, std::string detail = {}) {
  return base::fail(ErrorKind::model, "the model file is not a valid GGUF file: " + std::move(what), std::move(detail));
}

// Numbers of the file go into the message; text of the file only where it is short and plain.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) out += c >= ' ' && c <= '~' ? c : '?';
  return "\"" + out + "\"";
}

class HeaderReader {
 public:
  explicit HeaderReader(ByteView file) : file_(file), in_(file) {}

  Result<Gguf> run() {
    std::uint64_t tensors = 0;
    std::uint64_t pairs = 0;
    if (auto done = read_counts(tensors, pairs); !done) return base::pass_on(done);
    for (std::uint64_t i = 0; i < pairs; ++i) {
      if (auto done = read_pair(); !done) return base::pass_on(done);
    }
    out_.architecture = std::string(out_.text("general.architecture"));
    if (auto done = check_metadata(out_); !done) return base::pass_on(done);
    for (std::uint64_t i = 0; i < tensors; ++i) {
      if (auto done = read_tensor(); !done) return base::pass_on(done);
    }
    if (auto done = place_tensors(); !done) return base::pass_on(done);
    Bytes tokenizer;
    for (const auto& [key, encoded] : tokenizer_pairs_)
      tokenizer.insert(tokenizer.end(), encoded.begin(), encoded.end());
    out_.tokenizer_sha256 = base::sha256(tokenizer);
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::size_t position() const { return file_.size() - in_.remaining(); }

  Result<void> read_counts(std::uint64_t& tensors, std::uint64_t& pairs) {
    if (base::as_text(in_.take(4)) != "GGUF") return bad("it does not begin with \"GGUF\"");
    out_.version = in_.u32le();
    tensors = in_.u64le();
    pairs = in_.u64le();
    if (!in_.ok()) return bad("it ends inside the header");
    if (out_.version != 2 && out_.version != 3) {
      return bad("version " + std::to_string(out_.version) + ", supported are 2 and 3");
    }
    if (tensors == 0 || tensors > kMaxTensors) return bad(std::to_string(tensors) + " tensors");
    if (pairs > kMaxPairs) return bad(std::to_string(pairs) + " key-value pairs");
    return {};
  }

  // A length-prefixed string of at most cap bytes.
  std::optional<std::string_view> string(std::uint64_t cap) {
    const std::uint64_t length = in_.u64le();
    if (!in_.ok() || length > cap || length > in_.remaining()) return std::nullopt;
    return base::as_text(in_.take(static_cast<std::size_t>(length)));
  }

  Result<void> read_pair() {
    const std::size_t start = position();
    const auto key_view = string(kMaxKey);
    if (!key_view || key_view->empty()) return bad("a key is empty, too long or cut off");
    const std::string key(*key_view);
    if (!keys_.insert(key).second) return bad("a key appears twice", printable(key));
    const std::uint32_t type = in_.u32le();
    const bool done = type == kString ? read_text(key) : type == kArray ? read_array(key) : read_number(key, type);
    if (!done) return bad("a value is too long, cut off or of an unknown type", printable(key));
    out_.pairs.push_back({key, start, position() - start});
    if (key.starts_with("tokenizer.")) tokenizer_pairs_[key] = file_.subspan(start, position() - start);
    return {};
  }

  bool read_text(const std::string& key) {
    const auto text = string(kMaxString);
    if (text) out_.strings[key] = std::string(*text);
    return text.has_value();
  }

  bool read_number(const std::string& key, std::uint32_t type) {
    if (type >= kWidth.size()) return false;
    const ByteView raw = in_.take(kWidth[type]);
    if (!in_.ok()) return false;
    std::uint64_t value = 0;
    for (std::size_t i = raw.size(); i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(raw[i]);
    if (type == kBool && value > 1) return false;
    const bool negative = is_signed(type) && (std::to_integer<unsigned>(raw.back()) & 0x80U) != 0;
    if (!is_float(type) && !negative) out_.numbers[key] = value;
    return true;
  }

  bool read_array(const std::string& key) {
    const std::uint32_t type = in_.u32le();
    const std::uint64_t count = in_.u64le();
    if (!in_.ok() || type >= kWidth.size() || type == kArray || count > kMaxElements) return false;
    out_.numbers[key + "[]"] = count;  // no key holds brackets: how long an array is, for check_metadata()
    if (type != kString) {
      in_.take(static_cast<std::size_t>(count) * kWidth[type]);
      return in_.ok();
    }
    const bool keep = key == "tokenizer.ggml.tokens";
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto text = string(kMaxString);
      if (!text) return false;
      if (keep) out_.tokens.emplace_back(*text);
    }
    return true;
  }

  Result<void> read_tensor() {
    GgufTensor tensor;
    const auto name = string(kMaxName);
    if (!name || name->empty()) return bad("a tensor's name is empty, too long or cut off");
    tensor.name = std::string(*name);
    if (!names_.insert(tensor.name).second) return bad("a tensor appears twice", printable(tensor.name));
    const std::uint32_t dimensions = in_.u32le();
    if (dimensions == 0 || dimensions > kMaxDimensions) return bad("a tensor's dimensions", printable(tensor.name));
    for (std::uint32_t i = 0; i < dimensions; ++i) tensor.shape.push_back(in_.u64le());
    tensor.type = in_.u32le();
    tensor.offset = in_.u64le();
    if (!in_.ok()) return bad("it ends inside the list of tensors");
    const auto bytes = tensor_bytes(tensor);
    if (!bytes) return bad("a tensor has an impossible shape or an unsupported type", printable(tensor.name));
    tensor.bytes = *bytes;
    out_.tensors.push_back(std::move(tensor));
    return {};
  }

  // Tensors follow each other, each padded to the alignment, and end inside the file. Overlaps cannot be.
  Result<void> place_tensors() {
    const std::uint64_t alignment = out_.number("general.alignment", 32);
    const auto pad = [alignment](std::uint64_t at) { return (at + alignment - 1) / alignment * alignment; };
    out_.data_offset = pad(position());
    std::uint64_t expected = 0;
    for (const GgufTensor& tensor : out_.tensors) {
      if (tensor.offset != expected) {
        return bad(
            "a tensor is not where the one before it ends",
            printable(tensor.name) + " at " + std::to_string(tensor.offset) + ", expected " + std::to_string(expected));
      }
      if (tensor.bytes > file_.size() || out_.data_offset + expected + tensor.bytes > file_.size()) {
        return bad("it is cut off: a tensor ends behind the end of the file",
                   printable(tensor.name) + " ends at " + std::to_string(out_.data_offset + expected + tensor.bytes) +
                       ", the file has " + std::to_string(file_.size()) + " bytes");
      }
      expected = pad(expected + tensor.bytes);
    }
    return {};
  }

  ByteView file_;
  Reader in_;
  Gguf out_;
  std::set<std::string> keys_;
  std::set<std::string> names_;
  std::map<std::string, ByteView> tokenizer_pairs_;
};

}  // namespace

std::string_view Gguf::text(std::string_view key) const {
  const auto found = strings.find(key);
  return found == strings.end() ? std::string_view{} : std::string_view(found->second);
}

std::uint64_t Gguf::number(std::string_view key, std::uint64_t otherwise) const {
  const auto found = numbers.find(key);
  return found == numbers.end() ? otherwise : found->second;
}

Result<Gguf> read_gguf(ByteView file) { return HeaderReader(file).run(); }

}  // namespace blindbox::completion
