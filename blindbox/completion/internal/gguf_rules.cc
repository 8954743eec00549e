// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/gguf_rules.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace blindbox::completion {
namespace {

// Those whose prompts and tokenizers we know how to handle; docs/models.md lists them for users.
constexpr std::array<std::string_view, 4> kArchitectures = {"starcoder", "starcoder2", "llama", "qwen2"};

struct TensorType {
  std::uint32_t id;     // enum ggml_type
  std::uint64_t block;  // elements in a block
  std::uint64_t bytes;  // bytes of a block
};
constexpr std::array kTensorTypes = {
    TensorType{0, 1, 4},      TensorType{1, 1, 2},      TensorType{2, 32, 18},     // F32 F16 Q4_0
    TensorType{3, 32, 20},    TensorType{6, 32, 22},    TensorType{7, 32, 24},     // Q4_1 Q5_0 Q5_1
    TensorType{8, 32, 34},    TensorType{10, 256, 84},  TensorType{11, 256, 110},  // Q8_0 Q2_K Q3_K
    TensorType{12, 256, 144}, TensorType{13, 256, 176}, TensorType{14, 256, 210},  // Q4_K Q5_K Q6_K
    TensorType{20, 32, 18},   TensorType{23, 256, 136}, TensorType{30, 1, 2},      // IQ4_NL IQ4_XS BF16
};
constexpr std::uint64_t kMaxTensorElements = std::uint64_t{1} << 36;

tl::unexpected<Error> refused(std::string what, std::string detail = {}, std::string hint = {}) {
  return base::fail(ErrorKind::model, "the model file cannot be used: " + std::move(what), std::move(detail),
                    std::move(hint));
}

struct Bound {
  const char* key;  // below the architecture's name
  std::uint64_t least;
  std::uint64_t most;
  bool required = true;
};
constexpr std::array kBounds = {
    Bound{"context_length", 16, 1U << 20},
    Bound{"embedding_length", 8, 1U << 16},
    Bound{"block_count", 1, 512},
    Bound{"attention.head_count", 1, 1024},
    Bound{"feed_forward_length", 1, 1U << 20},
    Bound{"attention.key_length", 2, 1024, false},
    Bound{"attention.value_length", 2, 1024, false},
    Bound{"rope.dimension_count", 2, 1024, false},
    Bound{"expert_count", 0, 0, false},  // mixtures of experts have not been tried
};

Result<void> check_shape(const Gguf& gguf) {
  const std::string prefix = gguf.architecture + ".";
  for (const Bound& bound : kBounds) {
    if (!bound.required && !gguf.numbers.contains(prefix + bound.key)) continue;
    const std::uint64_t value = gguf.number(prefix + bound.key, 0);
    if (value < bound.least || value > bound.most) {
      return refused(prefix + bound.key + " is missing or out of bounds",
                     "found " + std::to_string(value) + ", accepted " + std::to_string(bound.least) + " to " +
                         std::to_string(bound.most));
    }
  }
  const std::uint64_t heads = gguf.number(prefix + "attention.head_count", 0);
  const std::uint64_t kv_heads = gguf.number(prefix + "attention.head_count_kv", heads);
  if (gguf.number(prefix + "embedding_length", 0) % heads != 0 || kv_heads == 0 || heads % kv_heads != 0) {
    return refused("its attention heads do not divide evenly",
                   std::to_string(heads) + " heads, " + std::to_string(kv_heads) + " key/value heads");
  }
  // Positions rotate pairs of a head's numbers: an odd or a longer part of it is an assertion in llama.cpp.
  const std::uint64_t head =
      gguf.number(prefix + "attention.key_length", gguf.number(prefix + "embedding_length", 0) / heads);
  const std::uint64_t rotated = gguf.number(prefix + "rope.dimension_count", head);
  if (gguf.architecture != "starcoder" && (rotated % 2 != 0 || rotated > head)) {
    return refused("it rotates an impossible part of a head",
                   std::to_string(rotated) + " of " + std::to_string(head) + " numbers");
  }
  return {};
}

// llama.cpp's tokenizers assert or throw over tables that miss these, some only when a text comes.
Result<void> check_tables(const Gguf& gguf, bool sentence_piece) {
  std::vector<std::string_view> sorted(gguf.tokens.begin(), gguf.tokens.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end(),
                                        [](std::string_view a, std::string_view b) { return a == b && !a.empty(); });
  if (twice != sorted.end()) return refused("its vocabulary has a token twice");
  if (!sentence_piece) {
    if (!gguf.numbers.contains("tokenizer.ggml.merges[]")) return refused("its tokenizer has no merges");
    return {};
  }
  if (!gguf.numbers.contains("tokenizer.ggml.scores[]")) return refused("its tokenizer has no scores");
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::string name = std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">";
    if (std::binary_search(sorted.begin(), sorted.end(), name)) continue;
    return refused("its tokenizer cannot spell every byte", "there is no token " + name);
  }
  return {};
}

Result<void> check_tokenizer(const Gguf& gguf) {
  const std::string_view model = gguf.text("tokenizer.ggml.model");
  if (model != "gpt2" && model != "llama") return refused("its tokenizer is neither byte-level BPE nor SentencePiece");
  const std::uint64_t count = gguf.tokens.size();
  if (count < 2 || count > (1U << 20)) return refused("its vocabulary has " + std::to_string(count) + " tokens");
  for (const char* key : {"tokenizer.ggml.token_type[]", "tokenizer.ggml.scores[]"}) {
    if (gguf.number(key, count) != count) return refused("its tokenizer tables differ in length", key);
  }
  return check_tables(gguf, model == "llama");
}

}  // namespace

Result<void> check_metadata(const Gguf& gguf) {
  if (std::find(kArchitectures.begin(), kArchitectures.end(), gguf.architecture) == kArchitectures.end()) {
    std::string known;
    for (const std::string_view name : kArchitectures) known += (known.empty() ? "" : ", ") + std::string(name);
    const bool plain = gguf.architecture.size() <= 40 && std::all_of(gguf.architecture.begin(), gguf.architecture.end(),
                                                                     [](char c) { return c > ' ' && c <= '~'; });
    return refused(
        "its architecture is not one of those that BlindBox loads",
        "found " + (plain ? "\"" + gguf.architecture + "\"" : "an unprintable name") + ", known are " + known,
        "docs/models.md tells how to convert SantaCoder");
  }
  const std::uint64_t alignment = gguf.number("general.alignment", 32);
  if (alignment < 8 || alignment > 4096 || (alignment & (alignment - 1)) != 0) {
    return refused("its alignment is " + std::to_string(alignment));
  }
  if (gguf.number("split.count", 1) > 1) {
    return refused("it is one part of several", {}, "merge the parts with llama-gguf-split --merge");
  }
  if (auto done = check_shape(gguf); !done) return done;
  return check_tokenizer(gguf);
}

std::optional<std::uint64_t> tensor_bytes(const GgufTensor& tensor) {
  const auto type = std::find_if(kTensorTypes.begin(), kTensorTypes.end(),
                                 [&](const TensorType& row) { return row.id == tensor.type; });
  if (type == kTensorTypes.end() || tensor.shape.empty() || tensor.shape[0] % type->block != 0) return std::nullopt;
  std::uint64_t elements = 1;
  for (const std::uint64_t size : tensor.shape) {
    if (size == 0 || size > kMaxTensorElements / elements) return std::nullopt;
    elements *= size;
  }
  return elements / type->block * type->bytes;
}

}  // namespace blindbox::completion
