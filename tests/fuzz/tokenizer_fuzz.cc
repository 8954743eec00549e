// SPDX-License-Identifier: Apache-2.0
// A tokenizer that is accepted has one text and one type for each row of the embeddings, no text twice, scores where it
// needs them, and special tokens that are rows: what llama.cpp takes for granted.
#include <set>

#include "blindbox/model/tokenizer.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  namespace model = blindbox::model;
  constexpr std::uint32_t kRows = 300;
  auto json = blindbox::fetch::parse_json(blindbox::fuzz::input(data, size), std::size_t{4} << 20, "tokenizer.json");
  if (!json) return 0;
  model::TokenizerFiles files;
  files.tokenizer = std::move(*json);
  files.tokenizer_config = {{"eos_token", "</s>"}, {"bos_token", "<s>"}};
  const auto tokenizer = model::read_tokenizer(files, kRows);
  if (!tokenizer) return 0;
  must(tokenizer->tokens.size() == kRows && tokenizer->types.size() == kRows, "one for each row");
  const std::set<std::string> texts(tokenizer->tokens.begin(), tokenizer->tokens.end());
  must(texts.size() == kRows && !texts.contains(""), "no text twice, none empty");
  must(tokenizer->scores.size() == (tokenizer->byte_level ? 0U : kRows), "scores where they are needed");
  for (const auto& [key, id] : tokenizer->ids) must(id < kRows, "special tokens are rows");
  for (const std::string& merge : tokenizer->merges) {
    const std::size_t blank = merge.find(' ', 1);
    must(blank != std::string::npos, "a merge is a pair");
    must(texts.contains(merge.substr(0, blank) + merge.substr(blank + 1)), "what a merge makes is a token");
  }
  return 0;
}
