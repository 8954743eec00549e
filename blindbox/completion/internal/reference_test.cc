// SPDX-License-Identifier: Apache-2.0
// The engine beside llama.cpp's own plain loop on the same file: the same tokens, and the same probabilities but for
// the last bits, which depend on how many tokens are computed together and in which cells they lie.
#include <gtest/gtest.h>
#include <llama.h>

#include <cmath>
#include <map>
#include <thread>

#include "blindbox/completion/internal/sampling.h"
#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::completion {
namespace {

using testing::TinyModel;

// Of a natural logarithm of a probability. Keys and values are kept in 16 bits.
constexpr float kTolerance = 0.02F;
constexpr unsigned kGenerated = 32;

struct Said {
  Tokens tokens;
  std::vector<std::vector<float>> probabilities;  // for each token, of the whole vocabulary by id
};

// One token after the other, nothing kept, nobody beside it.
Said reference(const std::string& path, const Tokens& prompt) {
  Said said;
  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  const Owned<llama_model> model(llama_model_load_from_file(path.c_str(), model_params));
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 256;
  params.n_threads = params.n_threads_batch = 1;
  const Owned<llama_context> context(llama_init_from_model(model.get(), params));
  const auto vocabulary = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model.get())));
  Tokens next = prompt;
  while (said.tokens.size() < kGenerated) {
    EXPECT_EQ(llama_decode(context.get(), llama_batch_get_one(next.data(), static_cast<std::int32_t>(next.size()))), 0);
    const LogProbabilities all(llama_get_logits_ith(context.get(), -1), vocabulary);
    std::vector<float>& row = said.probabilities.emplace_back(vocabulary);
    for (std::size_t id = 0; id < vocabulary; ++id) row[id] = all.of(static_cast<Token>(id));
    said.tokens.push_back(all.likeliest(1).front().id);
    next = {said.tokens.back()};
  }
  return said;
}

struct Recorder : Listener {
  Said said;
  bool on_text(std::string_view /*text*/) override { return true; }
  void on_token(Token id, float log_probability) override {
    said.tokens.push_back(id);
    EXPECT_EQ(log_probability, said.probabilities.back().at(static_cast<std::size_t>(id)));
  }
  void on_likeliest(const std::vector<TokenProbability>& likeliest) override {
    std::vector<float>& row = said.probabilities.emplace_back(likeliest.size());
    for (const TokenProbability& one : likeliest) row.at(static_cast<std::size_t>(one.id)) = one.log_probability;
  }
};

Request request_of(const Tokens& prompt, const std::string& tenant) {
  Request request;
  request.prompt_tokens = prompt;
  request.max_tokens = kGenerated;
  request.tenant = tenant;
  request.top_log_probabilities = 1000;
  return request;
}

Outcome expect_same(Engine& engine, const Tokens& prompt, const Said& expected, const std::string& tenant = "") {
  Recorder recorder;
  const auto outcome = engine.generate(request_of(prompt, tenant), recorder, {});
  EXPECT_TRUE(outcome) << to_string(outcome.error());
  EXPECT_EQ(recorder.said.tokens, expected.tokens);
  float worst = 0;
  for (std::size_t i = 0; i < recorder.said.probabilities.size() && i < expected.probabilities.size(); ++i) {
    for (std::size_t id = 0; id < expected.probabilities[i].size(); ++id) {
      worst = std::max(worst, std::abs(recorder.said.probabilities[i].at(id) - expected.probabilities[i][id]));
    }
  }
  EXPECT_LE(worst, kTolerance);
  return outcome.value_or(Outcome{});
}

std::unique_ptr<Engine> load(const std::string& path, unsigned batch = 128, bool lookup = false) {
  ModelSource source;
  source.path = path;
  source.threads = 1;
  source.batch = batch;
  source.prompt_lookup = lookup;
  auto loaded = Engine::load(source);
  EXPECT_TRUE(loaded) << to_string(loaded.error());
  return loaded ? std::move(*loaded) : nullptr;
}

Tokens prompt_of(std::size_t length, unsigned step) {
  Tokens prompt;
  for (std::size_t i = 0; i < length; ++i) prompt.push_back(static_cast<Token>(5 + (i * step + i / 7) % 200));
  return prompt;
}

class Reference : public ::testing::TestWithParam<TinyModel> {
 protected:
  testing::TemporaryFile file{testing::make_tiny_model(GetParam())};
  Tokens prompt = prompt_of(90, 13);
  Said expected = reference(file.path(), prompt);
};

TEST_P(Reference, ColdAndFromTheCache) {
  const auto engine = load(file.path());
  EXPECT_EQ(expect_same(*engine, prompt, expected).cached_tokens, 0U);
  EXPECT_EQ(expect_same(*engine, prompt, expected).cached_tokens, 89U);
  Tokens other(prompt.begin(), prompt.begin() + 60);
  other.push_back(9);
  Recorder ignored;
  ASSERT_TRUE(engine->generate(request_of(other, "somebody"), ignored, {}));
  EXPECT_EQ(expect_same(*engine, prompt, expected, "somebody").cached_tokens, 60U);
}

TEST_P(Reference, InChunks) {
  for (const unsigned batch : {1U, 7U, 16U}) expect_same(*load(file.path(), batch), prompt, expected);
}

TEST_P(Reference, AmongStrangers) {
  const auto engine = load(file.path(), 16);
  std::vector<std::thread> strangers;
  for (unsigned i = 0; i < 5; ++i) {
    strangers.emplace_back([&engine, i] {
      for (unsigned round = 0; round < 3; ++round) {
        Recorder ignored;
        const Request request = request_of(prompt_of(20 + 30 * i, 3 + round), "stranger " + std::to_string(i));
        EXPECT_TRUE(engine->generate(request, ignored, {}));
      }
    });
  }
  for (int round = 0; round < 3; ++round) expect_same(*engine, prompt, expected);
  for (std::thread& stranger : strangers) stranger.join();
  expect_same(*engine, prompt, expected);
}

TEST_P(Reference, AfterSomebodyCancelled) {
  const auto engine = load(file.path(), 32);
  struct Impatient : Recorder {
    std::stop_source source;
    unsigned checks = 0;
    unsigned at = 0;
    void on_stop_check() override {
      if (++checks == at) source.request_stop();
    }
  };
  for (const unsigned at : {3U, 40U, 90U, 400U}) {
    Impatient impatient;
    impatient.at = at;
    ASSERT_TRUE(engine->generate(request_of(prompt, ""), impatient, impatient.source.get_token()));
    expect_same(*engine, prompt, expected);
    engine->forget("");
  }
}

TEST_P(Reference, GuessingAhead) {
  Tokens repeating;
  for (int i = 0; i < 10; ++i) repeating.insert(repeating.end(), prompt.begin(), prompt.begin() + 11);
  const auto engine = load(file.path(), 128, true);
  expect_same(*engine, repeating, reference(file.path(), repeating));
  // What it has said is in the text now: the guesses are right.
  Tokens answered = prompt;
  answered.insert(answered.end(), expected.tokens.begin(), expected.tokens.end());
  answered.insert(answered.end(), prompt.begin(), prompt.end());
  expect_same(*engine, answered, reference(file.path(), answered));
}

INSTANTIATE_TEST_SUITE_P(
    Families, Reference,
    ::testing::Values(TinyModel{}, TinyModel{.width = 64, .heads = 4, .hyphens = false},
                      TinyModel{.architecture = "starcoder2", .width = 64, .heads = 4, .kv_heads = 2},
                      TinyModel{
                          .architecture = "llama", .width = 64, .heads = 4, .kv_heads = 2, .sentence_piece = true},
                      TinyModel{.architecture = "qwen2", .width = 64, .heads = 4, .kv_heads = 2}),
    [](const auto& made) {
      return made.param.architecture == "starcoder" && made.param.heads == 2 ? std::string("santacoder")
                                                                             : made.param.architecture;
    });

}  // namespace
}  // namespace blindbox::completion
