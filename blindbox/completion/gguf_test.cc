// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::completion {
namespace {

using testing::GgufWriter;
using ::testing::HasSubstr;
using testing::make_tiny_model;
using testing::TinyModel;

std::string error_of(ByteView file) {
  const auto gguf = read_gguf(file);
  if (gguf) return "accepted";
  EXPECT_EQ(gguf.error().kind, ErrorKind::model);
  return gguf.error().what + " | " + gguf.error().detail;
}

Bytes patched(std::size_t at, std::uint64_t value, std::size_t width) {
  Bytes file = make_tiny_model({});
  for (std::size_t i = 0; i < width; ++i) file[at + i] = static_cast<std::byte>(value >> (8 * i) & 0xFFU);
  return file;
}

// Where text begins in the file.
std::size_t find(const Bytes& file, std::string_view text) {
  const std::string_view all = base::as_text(file);
  const std::size_t at = all.find(text);
  EXPECT_NE(at, std::string_view::npos);
  return at;
}

// The tensor list's entry of the second tensor: name, dimensions, shape, type, offset.
constexpr std::string_view kSecond = "position_embd.weight";

TEST(Gguf, EveryTruncationIsRefused) {
  const Bytes file = make_tiny_model({});
  const auto whole = read_gguf(file);
  ASSERT_TRUE(whole);
  for (std::size_t length = 0; length <= whole->data_offset; ++length) {
    const auto cut = read_gguf(ByteView(file).first(length));
    ASSERT_FALSE(cut) << length;
    ASSERT_EQ(cut.error().kind, ErrorKind::model);
  }
  EXPECT_THAT(error_of(ByteView(file).first(file.size() - 32)), HasSubstr("cut off"));
}

TEST(Gguf, MagicAndVersion) {
  EXPECT_THAT(error_of(patched(0, 0x46554746, 4)), HasSubstr("does not begin with"));
  EXPECT_THAT(error_of(patched(4, 1, 4)), HasSubstr("version 1"));
  EXPECT_THAT(error_of(patched(4, 4, 4)), HasSubstr("version 4"));
  EXPECT_EQ(error_of(patched(4, 2, 4)), "accepted");
}

TEST(Gguf, HugeCounts) {
  EXPECT_THAT(error_of(patched(8, ~std::uint64_t{0}, 8)), HasSubstr("tensors"));
  EXPECT_THAT(error_of(patched(8, 16385, 8)), HasSubstr("16385 tensors"));
  EXPECT_THAT(error_of(patched(16, ~std::uint64_t{0}, 8)), HasSubstr("key-value pairs"));
  EXPECT_THAT(error_of(patched(24, std::uint64_t{1} << 62, 8)), HasSubstr("a key"));  // first key's length
  const std::size_t tokens = find(make_tiny_model({}), "tokenizer.ggml.tokens") + 21 + 4 + 4;
  EXPECT_THAT(error_of(patched(tokens, std::uint64_t{1} << 61, 8)), HasSubstr("a value"));  // the array's length
  EXPECT_THAT(error_of(patched(tokens + 8, std::uint64_t{1} << 40, 8)), HasSubstr("a value"));
}

TEST(Gguf, TensorsStayInsideTheFileAndApart) {
  const std::size_t entry = find(make_tiny_model({}), kSecond) + kSecond.size();
  const std::size_t type = entry + 4 + 16;
  EXPECT_THAT(error_of(patched(entry, 5, 4)), HasSubstr("dimensions"));
  EXPECT_THAT(error_of(patched(entry, 0, 4)), HasSubstr("dimensions"));
  EXPECT_THAT(error_of(patched(entry + 4, 0, 8)), HasSubstr("impossible shape"));
  EXPECT_THAT(error_of(patched(entry + 4, std::uint64_t{1} << 63, 8)), HasSubstr("impossible shape"));
  EXPECT_THAT(error_of(patched(entry + 12, std::uint64_t{1} << 30, 8)), HasSubstr("cut off"));
  EXPECT_THAT(error_of(patched(type, 999, 4)), HasSubstr("unsupported type"));
  EXPECT_THAT(error_of(patched(type + 4, 0, 8)), HasSubstr("not where"));  // over the first tensor
  EXPECT_THAT(error_of(patched(type + 4, ~std::uint64_t{0} - 31, 8)), HasSubstr("not where"));
}

TEST(Gguf, QuantisedTypesNeedWholeBlocks) {
  const std::size_t type = find(make_tiny_model({}), kSecond) + kSecond.size() + 4 + 16;
  // 32 wide: one block of Q8_0 (type 8), less than one of Q4_K (type 12). The next tensor is elsewhere by then.
  EXPECT_THAT(error_of(patched(type, 8, 4)), HasSubstr("not where"));
  EXPECT_THAT(error_of(patched(type, 12, 4)), HasSubstr("impossible shape"));
}

TEST(Gguf, ArchitecturesByName) {
  EXPECT_THAT(error_of(make_tiny_model({.architecture = "mamba"})),
              HasSubstr("found \"mamba\", known are starcoder, starcoder2, llama, qwen2"));
  EXPECT_THAT(error_of(make_tiny_model({.architecture = "\x1b[31m"})), HasSubstr("unprintable"));
  EXPECT_EQ(error_of(make_tiny_model({.architecture = "starcoder2"})), "accepted");
}

TEST(Gguf, NumbersThatDivideOrAllocateAreBounded) {
  EXPECT_THAT(error_of(make_tiny_model({.context = 1})), HasSubstr("starcoder.context_length"));
  const std::string_view heads = "starcoder.attention.head_count";
  const std::size_t at = find(make_tiny_model({}), heads) + heads.size() + 4;
  EXPECT_THAT(error_of(patched(at, 0, 4)), HasSubstr("head_count is missing or out of bounds"));
  EXPECT_THAT(error_of(patched(at, 3, 4)), HasSubstr("do not divide"));
}

TEST(Gguf, FamiliesAndTheirTokenizers) {
  for (const char* const name : {"starcoder", "starcoder2", "llama", "qwen2"}) {
    EXPECT_EQ(error_of(make_tiny_model({.architecture = name})), "accepted") << name;
  }
  const TinyModel spelling{.architecture = "llama", .sentence_piece = true};
  EXPECT_EQ(error_of(make_tiny_model(spelling)), "accepted");
  Bytes file = make_tiny_model(spelling);
  file[find(file, "<0x41>") + 1] = std::byte{'1'};
  EXPECT_THAT(error_of(file), HasSubstr("no token <0x41>"));
  file = make_tiny_model(spelling);
  file[find(file, "<0x41>") + 4] = std::byte{'2'};
  EXPECT_THAT(error_of(file), HasSubstr("a token twice"));
  file = make_tiny_model(spelling);
  file[find(file, "tokenizer.ggml.scores")] = std::byte{'T'};
  EXPECT_THAT(error_of(file), HasSubstr("no scores"));
  file = make_tiny_model({});
  file[find(file, "tokenizer.ggml.merges")] = std::byte{'T'};
  EXPECT_THAT(error_of(file), HasSubstr("no merges"));
}

TEST(Gguf, DuplicatesAreRefused) {
  GgufWriter keys;
  keys.u32("a", 1);
  keys.u32("a", 2);
  keys.tensor("t", {1}, {0});
  EXPECT_THAT(error_of(keys.finish()), HasSubstr("a key appears twice | \"a\""));
}

TEST(Gguf, ArraysOfArraysAreRefused) {
  Bytes pair = {std::byte{1}, {}, {}, {}, {},           {}, {}, {}, std::byte{'a'},
                std::byte{9}, {}, {}, {}, std::byte{9}, {}, {}, {}};
  pair.resize(pair.size() + 8);
  GgufWriter out;
  out.raw_pair(pair);
  out.tensor("t", {1}, {0});
  EXPECT_THAT(error_of(out.finish()), HasSubstr("a value"));
}

TEST(Gguf, TokenizerDigestDependsOnTheTokenizerAlone) {
  const auto digest = [](const TinyModel& shape) { return read_gguf(make_tiny_model(shape))->tokenizer_sha256; };
  EXPECT_EQ(digest({}), digest({.context = 512, .layers = 1, .seed = 7}));
  EXPECT_NE(digest({}), digest({.hyphens = false}));
  EXPECT_NE(digest({}), digest({.fim_type = 4}));
}

}  // namespace
}  // namespace blindbox::completion
