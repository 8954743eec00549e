// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/gguf_rules.h"

#include <algorithm>
#include <array>

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
};
constexpr std::array kBounds = {
    Bound{"context_length", 16, 1U << 20},  Bound{"embedding_length", 8, 1U << 16},    Bound{"block_count", 1, 512},
    Bound{"attention.head_count", 1, 1024}, Bound{"feed_forward_length", 1, 1U << 20},
};

Result<void> check_shape(const Gguf& gguf) {
  const std::string prefix = gguf.architecture + ".";
  for (const Bound& bound : kBounds) {
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
  return {};
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
