// SPDX-License-Identifier: Apache-2.0
// Text and the markers of a hole for models whose tokenizer is SentencePiece's, as CodeLlama's own code makes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama.h>

#include "blindbox/completion/internal/llama_handles.h"
#include "blindbox/completion/internal/prompt_builder.h"
#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::completion {
namespace {

using ::testing::ElementsAre;
using testing::TinyModel;

constexpr Token kStart = 1, kEnd = 2, kBlank = 259, kPrefix = 260, kMiddle = 261, kSuffix = 262;
constexpr Token kLess = 264, kSlash = 265, kS = 266, kMore = 267;

class CodeLlama : public ::testing::Test {
 protected:
  CodeLlama() {
    const TinyModel shape{.architecture = "llama", .sentence_piece = true, .code_llama = true};
    const Bytes bytes = testing::make_tiny_model(shape);
    const testing::TemporaryFile file(bytes);
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = 0;
    model_.reset(llama_model_load_from_file(file.path().c_str(), params));
    auto gguf = read_gguf(bytes);
    if (!model_ || !gguf) std::abort();
    info_.context_length = 256;
    info_.fim = find_fim_tokens(*gguf);
    builder_.emplace(model_.get(), info_, *gguf);
  }

  [[nodiscard]] Tokens tokens(std::string_view text, bool inside = false) const {
    auto out = tokenize_text(llama_model_get_vocab(model_.get()), text, inside);
    return out ? *out : Tokens{-1};
  }

  Owned<llama_model> model_;
  ModelInfo info_;
  std::optional<PromptBuilder> builder_;
};

Token byte(char c) { return 3 + static_cast<unsigned char>(c); }

TEST_F(CodeLlama, ATextBeginsWithABlankAndWhatIsInsideDoesNot) {
  EXPECT_THAT(tokens("ab"), ElementsAre(kBlank, byte('a'), byte('b')));
  EXPECT_THAT(tokens("ab", true), ElementsAre(byte('a'), byte('b')));
  EXPECT_THAT(tokens(" a", true), ElementsAre(kBlank, byte('a')));
  EXPECT_THAT(tokens("\n", true), ElementsAre(byte('\n')));
  EXPECT_THAT(tokens("", true), ElementsAre());
}

// llama.cpp merges any two tokens whose texts make a third, control tokens too: "</" and "s>" become the text's end.
TEST_F(CodeLlama, WhatMergesIntoAControlTokenIsTakenApartWithoutBlanks) {
  EXPECT_THAT(tokens("a</s>b"), ElementsAre(kBlank, byte('a'), kLess, kSlash, kS, kMore, byte('b')));
  EXPECT_THAT(tokens("</s>", true), ElementsAre(kLess, kSlash, kS, kMore));
  for (const char* text : {"</s>", " <PRE> x <SUF>y <MID>", "<s>"}) {
    for (const Token token : tokens(text)) {
      EXPECT_TRUE(token != kStart && token != kEnd && (token < kPrefix || token > kSuffix)) << text;
    }
  }
}

TEST_F(CodeLlama, AHoleIsAskedForAsItWasTrained) {
  Request request;
  request.prefix = "a";
  request.suffix = "b";
  request.max_tokens = 4;
  const auto prompt = builder_->build(request);
  ASSERT_TRUE(prompt) << to_string(prompt.error());
  EXPECT_THAT(prompt->tokens, ElementsAre(kStart, kPrefix, kBlank, byte('a'), kSuffix, byte('b'), kMiddle));
}

}  // namespace
}  // namespace blindbox::completion
