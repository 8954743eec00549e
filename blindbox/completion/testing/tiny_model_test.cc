// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/testing/tiny_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <random>

#include "blindbox/base/file.h"
#include "blindbox/completion/gguf.h"

namespace blindbox::completion::testing {
namespace {

template <typename T>
void put(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
}

void put_text(Bytes& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  const ByteView bytes = base::view(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void pad(Bytes& out) { out.resize((out.size() + 31) / 32 * 32); }

std::string utf8(std::uint32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0U | code >> 6U), static_cast<char>(0x80U | (code & 0x3FU))};
}

// The characters that byte-level BPE writes for the 256 bytes (GPT-2's table).
std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens;
  std::uint32_t next = 256;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const bool plain = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    tokens.push_back(utf8(plain ? byte : next++));
  }
  return tokens;
}

class Weights {
 public:
  explicit Weights(std::uint32_t seed) : engine_(seed) {}
  std::vector<float> random(std::size_t count, float scale) {
    std::vector<float> out(count);
    // Not a std::normal_distribution: its values differ between standard libraries.
    for (float& value : out) {
      value = scale * (static_cast<float>(engine_() % 20001) / 10000.0F - 1.0F);
    }
    return out;
  }

 private:
  std::mt19937 engine_;
};

void add_tokenizer(GgufWriter& out, const TinyModel& shape) {
  std::vector<std::string> tokens = byte_tokens();
  std::vector<std::int32_t> types(tokens.size(), 1);
  tokens.emplace_back("<|endoftext|>");
  types.push_back(3);
  if (shape.fim_type != 0) {
    for (const char* name : {"prefix", "middle", "suffix"}) {
      tokens.push_back(std::string(shape.hyphens ? "<fim-" : "<fim_") + name + ">");
      types.push_back(shape.fim_type);
    }
  }
  out.text("tokenizer.ggml.model", "gpt2");
  out.text("tokenizer.ggml.pre", "starcoder");
  out.texts("tokenizer.ggml.tokens", tokens);
  out.i32s("tokenizer.ggml.token_type", types);
  out.texts("tokenizer.ggml.merges", {});
  out.u32("tokenizer.ggml.bos_token_id", 256);
  out.u32("tokenizer.ggml.eos_token_id", 256);
  if (shape.fim_keys) {
    out.u32("tokenizer.ggml.fim_pre_token_id", 257);
    out.u32("tokenizer.ggml.fim_mid_token_id", 258);
    out.u32("tokenizer.ggml.fim_suf_token_id", 259);
  }
}

// Bytes as Llama's tokenizer names them, "<0x00>" to "<0xFF>", and the space's sign before a few letters.
void add_sentence_piece(GgufWriter& out, bool code_llama) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> types = {2, 3, 3};
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    tokens.push_back(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">");
    types.push_back(6);
  }
  tokens.emplace_back("\xE2\x96\x81");
  types.push_back(1);
  if (code_llama) {
    for (const char* name : {"▁<PRE>", "▁<MID>", "▁<SUF>", "▁<EOT>"}) tokens.emplace_back(name);
    types.resize(tokens.size(), 3);
    for (const char* text : {"<", "/", "s", ">", "</", "s>"}) tokens.emplace_back(text);
    types.resize(tokens.size(), 1);
  }
  out.text("tokenizer.ggml.model", "llama");
  out.texts("tokenizer.ggml.tokens", tokens);
  out.i32s("tokenizer.ggml.token_type", types);
  out.f32s("tokenizer.ggml.scores", std::vector<float>(tokens.size(), 0.0F));
  out.u32("tokenizer.ggml.bos_token_id", 1);
  out.u32("tokenizer.ggml.eos_token_id", 2);
  out.u32("tokenizer.ggml.unknown_token_id", 0);
}

struct Style {
  bool norm_bias;  // layer norm, else root mean square
  bool qkv_fused;  // one matrix
  bool qkv_bias;
  bool other_bias;
  bool gate;  // a gated feed-forward part
};

Style style_of(const std::string& architecture) {
  if (architecture == "llama") return {false, false, false, false, true};
  if (architecture == "qwen2") return {false, false, true, false, true};
  return {true, architecture != "starcoder2", true, true, false};
}

void add_layer(GgufWriter& out, Weights& weights, const TinyModel& shape, const std::string& block) {
  const std::uint64_t width = shape.width;
  const std::uint64_t kv = width / shape.heads * shape.kv_heads;
  const Style style = style_of(shape.architecture);
  const auto matrix = [&](const char* name, std::uint64_t in, std::uint64_t rows, bool bias) {
    out.tensor(block + name + ".weight", {in, rows},
               weights.random(in * rows, 1.5F / std::sqrt(static_cast<float>(in))));
    if (bias) out.tensor(block + name + ".bias", {rows}, weights.random(rows, 0.02F));
  };
  const auto norm = [&](const char* name) {
    out.tensor(block + name + ".weight", {width}, std::vector<float>(width, 1.0F));
    if (style.norm_bias) out.tensor(block + name + ".bias", {width}, std::vector<float>(width, 0.0F));
  };
  norm("attn_norm");
  if (style.qkv_fused) {
    matrix("attn_qkv", width, width + 2 * kv, true);
  } else {
    matrix("attn_q", width, width, style.qkv_bias);
    matrix("attn_k", width, kv, style.qkv_bias);
    matrix("attn_v", width, kv, style.qkv_bias);
  }
  matrix("attn_output", width, width, style.other_bias);
  norm("ffn_norm");
  if (style.gate) matrix("ffn_gate", width, 4 * width, false);
  matrix("ffn_up", width, 4 * width, style.other_bias);
  matrix("ffn_down", 4 * width, width, style.other_bias);
}

}  // namespace

void GgufWriter::raw_pair(ByteView pair) {
  pairs_.insert(pairs_.end(), pair.begin(), pair.end());
  ++pair_count_;
}

void GgufWriter::text(std::string_view key, std::string_view value) {
  Bytes pair;
  put_text(pair, key);
  put<std::uint32_t>(pair, 8);
  put_text(pair, value);
  raw_pair(pair);
}

void GgufWriter::u32(std::string_view key, std::uint32_t value) {
  Bytes pair;
  put_text(pair, key);
  put<std::uint32_t>(pair, 4);
  put<std::uint32_t>(pair, value);
  raw_pair(pair);
}

void GgufWriter::f32(std::string_view key, float value) {
  Bytes pair;
  put_text(pair, key);
  put<std::uint32_t>(pair, 6);
  put<std::uint32_t>(pair, std::bit_cast<std::uint32_t>(value));
  raw_pair(pair);
}

void GgufWriter::texts(std::string_view key, const std::vector<std::string>& values) {
  Bytes pair;
  put_text(pair, key);
  put<std::uint32_t>(pair, 9);
  put<std::uint32_t>(pair, 8);
  put<std::uint64_t>(pair, values.size());
  for (const std::string& value : values) put_text(pair, value);
  raw_pair(pair);
}

void GgufWriter::i32s(std::string_view key, const std::vector<std::int32_t>& values) {
  Bytes pair;
  put_text(pair, key);
  put<std::uint32_t>(pair, 9);
  put<std::uint32_t>(pair, 5);
  put<std::uint64_t>(pair, values.size());
  for (const std::int32_t value : values) put<std::uint32_t>(pair, static_cast<std::uint32_t>(value));
  raw_pair(pair);
}

void GgufWriter::f32s(std::string_view key, const std::vector<float>& values) {
  Bytes pair;
  put_text(pair, key);
  put<std::uint32_t>(pair, 9);
  put<std::uint32_t>(pair, 6);
  put<std::uint64_t>(pair, values.size());
  for (const float value : values) put<std::uint32_t>(pair, std::bit_cast<std::uint32_t>(value));
  raw_pair(pair);
}

void GgufWriter::tensor(std::string_view name, const std::vector<std::uint64_t>& shape,
                        const std::vector<float>& values) {
  put_text(infos_, name);
  put<std::uint32_t>(infos_, static_cast<std::uint32_t>(shape.size()));
  for (const std::uint64_t size : shape) put<std::uint64_t>(infos_, size);
  put<std::uint32_t>(infos_, 0);
  put<std::uint64_t>(infos_, data_.size());
  for (const float value : values) put<std::uint32_t>(data_, std::bit_cast<std::uint32_t>(value));
  pad(data_);
  ++tensor_count_;
}

Bytes GgufWriter::finish() const {
  Bytes out = base::to_bytes(base::view("GGUF"));
  put<std::uint32_t>(out, 3);
  put<std::uint64_t>(out, tensor_count_);
  put<std::uint64_t>(out, pair_count_);
  out.insert(out.end(), pairs_.begin(), pairs_.end());
  out.insert(out.end(), infos_.begin(), infos_.end());
  pad(out);
  out.insert(out.end(), data_.begin(), data_.end());
  return out;
}

Bytes make_tiny_model(const TinyModel& shape) {
  GgufWriter out;
  out.text("general.architecture", shape.architecture);
  out.text("general.name", "tiny test model");
  const std::string prefix = shape.architecture + ".";
  out.u32(prefix + "context_length", shape.context);
  out.u32(prefix + "embedding_length", shape.width);
  out.u32(prefix + "feed_forward_length", 4 * shape.width);
  out.u32(prefix + "block_count", shape.layers);
  out.u32(prefix + "attention.head_count", shape.heads);
  out.u32(prefix + "attention.head_count_kv", shape.kv_heads);
  const Style style = style_of(shape.architecture);
  out.f32(prefix + (style.norm_bias ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"), 1e-5F);
  if (shape.sentence_piece) {
    add_sentence_piece(out, shape.code_llama);
  } else {
    add_tokenizer(out, shape);
  }

  Weights weights(shape.seed);
  const std::uint64_t vocabulary = shape.code_llama ? 270 : shape.fim_type == 0 ? 257 : 260;
  const std::uint64_t width = shape.width;
  out.tensor("token_embd.weight", {width, vocabulary}, weights.random(width * vocabulary, 1.0F));
  if (shape.architecture == "starcoder") {
    out.tensor("position_embd.weight", {width, shape.context}, weights.random(width * shape.context, 0.5F));
  }
  out.tensor("output_norm.weight", {width}, std::vector<float>(width, 1.0F));
  if (style.norm_bias) out.tensor("output_norm.bias", {width}, std::vector<float>(width, 0.0F));
  // Special tokens get the logit zero, so that a generation runs until something else stops it.
  std::vector<float> output = weights.random(width * vocabulary, 1.0F);
  const auto row = static_cast<std::ptrdiff_t>(width);
  if (shape.sentence_piece) {
    std::fill(output.begin(), output.begin() + row * 3, 0.0F);
  } else {
    std::fill(output.begin() + row * 256, output.end(), 0.0F);
  }
  out.tensor("output.weight", {width, vocabulary}, output);
  for (std::uint32_t i = 0; i < shape.layers; ++i) add_layer(out, weights, shape, "blk." + std::to_string(i) + ".");
  return out.finish();
}

TemporaryFile::TemporaryFile(ByteView contents, std::string_view suffix) {
  path_ = ::testing::TempDir() + "blindbox-XXXXXX" + std::string(suffix);
  const int fd = ::mkstemps(path_.data(), static_cast<int>(suffix.size()));
  if (fd < 0 || !base::write_file(path_, contents)) std::abort();
  ::close(fd);
}

TemporaryFile::~TemporaryFile() { ::unlink(path_.c_str()); }

TEST(TinyModel, IsReadAsItWasWritten) {
  const auto gguf = read_gguf(make_tiny_model({}));
  ASSERT_TRUE(gguf) << to_string(gguf.error());
  EXPECT_EQ(gguf->version, 3U);
  EXPECT_EQ(gguf->architecture, "starcoder");
  EXPECT_EQ(gguf->number("starcoder.context_length", 0), 256U);
  EXPECT_EQ(gguf->tokens.size(), 260U);
  EXPECT_EQ(gguf->tokens[kFimPrefix], "<fim-prefix>");
  EXPECT_EQ(gguf->tensors.size(), 5U + 2 * 12);
  EXPECT_EQ(gguf->tensors[1].shape, (std::vector<std::uint64_t>{32, 256}));
}

}  // namespace blindbox::completion::testing
