// SPDX-License-Identifier: Apache-2.0
// GGUF files made in memory, for tests: a writer that can also write nonsense, and complete random models of the
// architectures that we load with a byte-level tokenizer, a few hundred kilobytes large.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::completion::testing {

class GgufWriter {
 public:
  void text(std::string_view key, std::string_view value);
  void u32(std::string_view key, std::uint32_t value);
  void f32(std::string_view key, float value);
  void texts(std::string_view key, const std::vector<std::string>& values);
  void f32s(std::string_view key, const std::vector<float>& values);
  void i32s(std::string_view key, const std::vector<std::int32_t>& values);
  // A key-value pair as it stands in the file, whatever it says.
  void raw_pair(ByteView pair);
  // F32 values; shape in elements, fastest dimension first.
  void tensor(std::string_view name, const std::vector<std::uint64_t>& shape, const std::vector<float>& values);

  [[nodiscard]] Bytes finish() const;

 private:
  Bytes pairs_;
  std::uint64_t pair_count_ = 0;
  Bytes infos_;
  std::uint64_t tensor_count_ = 0;
  Bytes data_;
};

struct TinyModel {
  std::string architecture = "starcoder";  // with learned positions; others rotate theirs: starcoder2, llama, qwen2
  std::uint32_t context = 256;
  std::uint32_t width = 32;
  std::uint32_t heads = 2;
  std::uint32_t kv_heads = 1;
  std::uint32_t layers = 2;
  std::uint32_t seed = 1;
  bool hyphens = true;          // "<fim-prefix>", else "<fim_prefix>"; empty fim_type below for none
  std::int32_t fim_type = 3;    // enum llama_token_type: 3 control, 4 user defined, 0: no such tokens at all
  bool fim_keys = false;        // name them in the metadata as well
  bool sentence_piece = false;  // Llama's kind of tokenizer: 0 unknown, 1 and 2 the text's ends, 3 to 258 the bytes
  // With it: 260 to 263 are CodeLlama's markers (prefix, middle, suffix, end), then "<", "/", "s", ">", "</", "s>".
  bool code_llama = false;
};

// The model as a file's bytes. Token ids: bytes 0 to 255, then end of text, fim prefix, middle, suffix.
[[nodiscard]] Bytes make_tiny_model(const TinyModel& shape);

inline constexpr std::int32_t kEndOfText = 256;
inline constexpr std::int32_t kFimPrefix = 257;
inline constexpr std::int32_t kFimMiddle = 258;
inline constexpr std::int32_t kFimSuffix = 259;

// Writes contents into a new file below the tests' temporary folder; the file goes with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(ByteView contents, std::string_view suffix = ".gguf");
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace blindbox::completion::testing
