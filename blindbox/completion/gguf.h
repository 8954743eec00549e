// SPDX-License-Identifier: Apache-2.0
// Our own reader of a GGUF file's header (ggml docs/gguf.md, versions 2 and 3). It runs before llama.cpp's parser,
// which has a history of memory errors, sees a byte: every count and length is capped, every tensor lies inside the
// file, and the architecture is one that we know. It does not judge the weights.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/base/digest.h"

namespace blindbox::completion {

struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> shape;  // elements, fastest dimension first
  std::uint32_t type = 0;            // enum ggml_type
  std::uint64_t offset = 0;          // from the start of the data section
  std::uint64_t bytes = 0;
};

// Where a key-value pair stands in the file, as it is encoded.
struct GgufPair {
  std::string key;
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
};

struct Gguf {
  std::uint32_t version = 0;
  std::string architecture;
  std::map<std::string, std::string, std::less<>> strings;
  std::map<std::string, std::uint64_t, std::less<>> numbers;  // integers that are not negative, and booleans
  std::vector<std::string> tokens;                            // tokenizer.ggml.tokens
  std::vector<GgufPair> pairs;
  std::vector<GgufTensor> tensors;
  std::uint64_t data_offset = 0;
  // SHA-256 over the encoded key-value pairs whose keys begin with "tokenizer.", in the order of their keys: equal
  // for two files exactly when they turn text into tokens by the same tables.
  base::Sha256 tokenizer_sha256{};

  [[nodiscard]] std::string_view text(std::string_view key) const;  // empty where absent
  [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t otherwise) const;
};

// file is the whole file. Whatever is wrong with it is ErrorKind::model.
[[nodiscard]] Result<Gguf> read_gguf(ByteView file);

}  // namespace blindbox::completion
