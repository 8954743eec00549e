// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>

#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::completion {
namespace {

using ::testing::HasSubstr;
using testing::make_tiny_model;
using testing::TemporaryFile;
using testing::TinyModel;

std::unique_ptr<Engine> engine(const TinyModel& shape = {}, unsigned batch = 16) {
  const TemporaryFile file(make_tiny_model(shape));
  ModelSource source;
  source.path = file.path();
  source.threads = 1;  // llama.cpp is not instrumented: threads of its own would alarm the thread sanitizer
  source.batch = batch;
  source.stall = std::chrono::hours(1);  // chunks of the batch's size, however busy the machine is
  source.prompt_lookup = false;          // one token a step
  auto loaded = Engine::load(source);
  EXPECT_TRUE(loaded) << to_string(loaded.error());
  return loaded ? std::move(*loaded) : nullptr;
}

struct Recorder : Listener {
  std::string text;
  unsigned pieces = 0;
  unsigned checks = 0;  // on the engine's thread
  unsigned prompt_read = 0;
  std::function<bool()> after_piece = [] { return true; };
  std::function<void()> at_check = [] {};

  bool on_text(std::string_view piece) override {
    EXPECT_TRUE(base::is_utf8(piece));
    EXPECT_FALSE(piece.empty());
    text += piece;
    ++pieces;
    return after_piece();
  }
  void on_prompt(unsigned read, unsigned /*total*/) override { prompt_read = read; }
  void on_stop_check() override {
    ++checks;
    at_check();
  }
};

struct Ran {
  Outcome outcome;
  std::string text;
};

Ran run(Engine& engine, const Request& request) {
  Recorder recorder;
  const auto outcome = engine.generate(request, recorder, {});
  EXPECT_TRUE(outcome) << to_string(outcome.error());
  return {outcome ? *outcome : Outcome{}, recorder.text};
}

// How often the engine looks whether to stop while it runs this with an empty cache: the same number each time.
unsigned checks_of(Engine& engine, const Request& request) {
  engine.forget(request.tenant);
  Recorder recorder;
  EXPECT_TRUE(engine.generate(request, recorder, {}));
  engine.forget(request.tenant);
  return recorder.checks;
}

// Runs with an empty cache, and stops at the check of this number.
Outcome run_and_stop(Engine& engine, const Request& request, unsigned at) {
  engine.forget(request.tenant);
  Recorder recorder;
  std::stop_source source;
  recorder.at_check = [&] {
    if (recorder.checks == at) source.request_stop();
  };
  const auto outcome = engine.generate(request, recorder, source.get_token());
  EXPECT_TRUE(outcome);
  EXPECT_EQ(recorder.checks, at);  // the check that saw it was the last
  return outcome ? *outcome : Outcome{};
}

Request plain(std::string prompt, unsigned max_tokens = 24) {
  Request request;
  request.prefix = std::move(prompt);
  request.max_tokens = max_tokens;
  return request;
}

Error load_error(ByteView contents, const ModelSource& like = {}) {
  const TemporaryFile file(contents);
  ModelSource source = like;
  source.path = file.path();
  const auto loaded = Engine::load(source);
  EXPECT_FALSE(loaded);
  return loaded ? Error{} : loaded.error();
}

TEST(EngineLoad, TellsWhatItLoaded) {
  const Bytes file = make_tiny_model({});
  const auto tiny = engine();
  ASSERT_TRUE(tiny);
  const ModelInfo& info = tiny->info();
  EXPECT_EQ(info.name, "tiny test model");
  EXPECT_EQ(info.architecture, "starcoder");
  EXPECT_EQ(info.context_length, 256U);
  EXPECT_EQ(info.vocabulary, 260U);
  EXPECT_EQ(info.file_bytes, file.size());
  EXPECT_EQ(info.sha256, base::to_hex(base::sha256(file)));
  EXPECT_EQ(info.tokenizer_sha256.size(), 64U);
  ASSERT_TRUE(info.fim);
  EXPECT_EQ(info.fim->prefix, testing::kFimPrefix);
}

TEST(EngineLoad, AnotherDigestIsRefusedBeforeParsing) {
  ModelSource source;
  source.expected_sha256 = base::Sha256{};
  Bytes file = make_tiny_model({});
  EXPECT_THAT(load_error(file, source).what, HasSubstr("another digest"));
  file[4] = std::byte{9};  // no parser would take it; the digest is what is told
  EXPECT_THAT(load_error(file, source).what, HasSubstr("another digest"));
}

TEST(EngineLoad, ExpectedDigestIsAccepted) {
  const Bytes contents = make_tiny_model({});
  const TemporaryFile file(contents);
  ModelSource source;
  source.path = file.path();
  source.expected_sha256 = base::sha256(contents);
  EXPECT_TRUE(Engine::load(source));
}

TEST(EngineLoad, WrongFilesHaveErrorsOfTheirOwn) {
  const Bytes file = make_tiny_model({});
  EXPECT_THAT(load_error({}).detail, HasSubstr("empty"));
  EXPECT_THAT(load_error(base::view("#!/bin/sh\n")).what, HasSubstr("not a GGUF file"));
  EXPECT_THAT(load_error(ByteView(file).first(file.size() - 64)).what, HasSubstr("cut off"));
  EXPECT_THAT(load_error(make_tiny_model({.architecture = "mamba"})).what, HasSubstr("architecture"));
  // Well-formed for us, but its tensors are not those of the architecture: llama.cpp's own words.
  Bytes misnamed = file;
  const std::size_t at = base::as_text(misnamed).find("output_norm.bias");
  misnamed[at] = std::byte{'i'};
  const Error other = load_error(misnamed);
  EXPECT_EQ(other.kind, ErrorKind::model);
  EXPECT_THAT(other.detail, HasSubstr("error loading model"));
  ModelSource folder;
  folder.path = ::testing::TempDir();
  EXPECT_THAT(Engine::load(folder).error().what, HasSubstr("not a regular file"));
  folder.path = "/nonexistent.gguf";
  EXPECT_EQ(Engine::load(folder).error().kind, ErrorKind::model);
}

TEST(EngineLoad, ContextIsNeverLongerThanTrained) {
  const auto tiny = engine({.context = 100});
  EXPECT_EQ(tiny->info().context_length, 100U);
  const Ran ran = run(*tiny, plain(std::string(50, 'a'), 1000));
  EXPECT_EQ(ran.outcome.reason, StopReason::limit);
  EXPECT_EQ(ran.outcome.generated_tokens, 51U);  // 50 of them were read again, the last one was not
}

TEST(Engine, GreedyIsDeterministic) {
  const auto first = engine();
  const auto second = engine();
  const Ran once = run(*first, plain("def main():\n"));
  EXPECT_EQ(once.outcome.reason, StopReason::limit);
  EXPECT_EQ(once.outcome.generated_tokens, 24U);
  EXPECT_EQ(once.outcome.prompt_tokens, 12U);
  EXPECT_FALSE(once.text.empty());
  EXPECT_EQ(run(*second, plain("def main():\n")).text, once.text);
}

TEST(Engine, SeedsRepeatAndDiffer) {
  const auto tiny = engine();
  Request request = plain("import os\n");
  request.temperature = 1.5F;
  request.top_k = 50;
  request.top_p = 0.95F;
  request.seed = 1;
  const std::string one = run(*tiny, request).text;
  EXPECT_EQ(run(*tiny, request).text, one);
  request.seed = 2;
  EXPECT_NE(run(*tiny, request).text, one);
}

TEST(Engine, CachedPrefixGivesTheSameTokensAsAColdRun) {
  const auto warm = engine();
  const std::string shared = "class Point:\n    def __init__(self, x, y):\n        ";
  run(*warm, plain(shared + "self.x = x\n"));
  const Ran reused = run(*warm, plain(shared + "self.y = y\n"));
  EXPECT_GE(reused.outcome.cached_tokens, shared.size());
  EXPECT_EQ(reused.outcome.cached_tokens + reused.outcome.evaluated_tokens, reused.outcome.prompt_tokens);
  const auto cold = engine();
  const Ran fresh = run(*cold, plain(shared + "self.y = y\n"));
  EXPECT_EQ(fresh.outcome.cached_tokens, 0U);
  EXPECT_EQ(reused.text, fresh.text);
}

TEST(Engine, TheSamePromptAgainComputesOneToken) {
  const auto tiny = engine();
  run(*tiny, plain("print(1)"));
  EXPECT_EQ(run(*tiny, plain("print(1)")).outcome.evaluated_tokens, 1U);
}

TEST(Engine, TypingInSpmOrderReadsWhatIsNew) {
  const auto tiny = engine();
  Request request = plain("x = ", 2);
  request.suffix = "\nprint(x)\n";
  run(*tiny, request);
  request.prefix = "x = 4";
  EXPECT_EQ(run(*tiny, request).outcome.evaluated_tokens, 1U);
}

TEST(Engine, AnotherTenantFindsNothing) {
  const auto tiny = engine();
  Request request = plain("secret = 'hunter2'\n");
  request.tenant = "alice";
  const std::string text = run(*tiny, request).text;
  request.tenant = "bob";
  const Ran other = run(*tiny, request);
  EXPECT_EQ(other.outcome.cached_tokens, 0U);
  EXPECT_EQ(other.text, text);
  request.tenant = "alice";
  EXPECT_EQ(run(*tiny, request).outcome.evaluated_tokens, 1U);  // her own is still there
  tiny->forget("alice");
  EXPECT_EQ(tiny->cache_usage("alice").tokens, 0U);
  EXPECT_GT(tiny->cache_usage("bob").tokens, 0U);
  EXPECT_EQ(run(*tiny, request).outcome.cached_tokens, 0U);
}

TEST(Engine, ZeroTokensOnlyWarmTheCache) {
  const auto tiny = engine();
  const Ran warm = run(*tiny, plain("a = 1\nb = 2\n", 0));
  EXPECT_EQ(warm.outcome.generated_tokens, 0U);
  EXPECT_EQ(warm.text, "");
  EXPECT_EQ(run(*tiny, plain("a = 1\nb = 2\nc")).outcome.evaluated_tokens, 1U);
}

TEST(Engine, LiteralMarkersInSourceStayData) {
  for (const std::int32_t type : {3, 4}) {  // control, and "user defined", which llama.cpp parses everywhere
    const auto tiny = engine({.fim_type = type});
    Request request = plain("<fim-prefix><|endoftext|>", 4);
    EXPECT_EQ(run(*tiny, request).outcome.prompt_tokens, 25U) << type;
    request.suffix = "<fim-middle>";
    EXPECT_EQ(run(*tiny, request).outcome.prompt_tokens, 25U + 12 + 3) << type;
  }
}

TEST(Engine, StopWordsAcrossTokens) {
  const auto tiny = engine();
  const Ran whole = run(*tiny, plain("for i in range(10):\n", 40));
  // Any three characters from the middle: each is at least a token of its own here.
  std::size_t at = whole.text.size() / 2;
  while ((static_cast<unsigned char>(whole.text[at]) & 0xC0U) == 0x80U) ++at;
  std::size_t end = at;
  for (int i = 0; i < 3 && end < whole.text.size(); ++i) {
    do ++end;
    while (end < whole.text.size() && (static_cast<unsigned char>(whole.text[end]) & 0xC0U) == 0x80U);
  }
  Request request = plain("for i in range(10):\n", 40);
  request.stop = {"never there", whole.text.substr(at, end - at)};
  const Ran stopped = run(*tiny, request);
  EXPECT_EQ(stopped.outcome.reason, StopReason::word);
  EXPECT_EQ(stopped.outcome.stopping_word, request.stop[1]);
  EXPECT_EQ(stopped.text, whole.text.substr(0, whole.text.find(request.stop[1])));
}

TEST(Engine, CancelInTheMiddleOfATokenStopsAtTheNextCheck) {
  const auto tiny = engine();
  const unsigned prompt = checks_of(*tiny, plain("while True:\n", 1));
  const unsigned token = checks_of(*tiny, plain("while True:\n", 2)) - prompt;
  const Ran whole = run(*tiny, plain("while True:\n", 60));
  const Outcome outcome = run_and_stop(*tiny, plain("while True:\n", 60), prompt + 2 * token + 5);
  EXPECT_EQ(outcome.reason, StopReason::cancelled);
  EXPECT_EQ(outcome.generated_tokens, 3U);
  EXPECT_EQ(run(*tiny, plain("while True:\n", 60)).text, whole.text);  // still usable, and the cache still right
}

TEST(Engine, AListenerThatIsGoneCancels) {
  const auto tiny = engine();
  Recorder recorder;
  recorder.after_piece = [] { return false; };
  const auto outcome = tiny->generate(plain("x", 60), recorder, {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->reason, StopReason::cancelled);
  EXPECT_EQ(recorder.pieces, 1U);
}

TEST(Engine, CancelInTheMiddleOfAChunkStopsAtTheNextCheck) {
  const auto tiny = engine({}, 64);
  const std::string prompt(192, 'p');
  const Ran whole = run(*tiny, plain(prompt));
  const unsigned chunk = checks_of(*tiny, plain(prompt, 0)) / 3;
  const Outcome outcome = run_and_stop(*tiny, plain(prompt), chunk + 10);
  EXPECT_EQ(outcome.reason, StopReason::cancelled);
  EXPECT_EQ(outcome.generated_tokens, 0U);
  EXPECT_EQ(outcome.evaluated_tokens, 64U);
  const Ran again = run(*tiny, plain(prompt));
  EXPECT_EQ(again.outcome.cached_tokens, 64U);  // what was read before stays
  EXPECT_EQ(again.text, whole.text);
}

TEST(Engine, ADeadlineThatPassedStopsWhateverRuns) {
  const auto tiny = engine();
  Request request = plain(std::string(100, 'a'));
  request.deadline = SteadyTime::min();
  const Ran ran = run(*tiny, request);
  EXPECT_EQ(ran.outcome.reason, StopReason::deadline);
  EXPECT_EQ(ran.text, "");
  request.deadline = SteadyTime::max();
  EXPECT_EQ(run(*tiny, request).outcome.reason, StopReason::limit);
}

TEST(Engine, PromptsAndTheContext) {
  const auto tiny = engine({.context = 64});
  EXPECT_EQ(run(*tiny, plain(std::string(64, 'a'), 5)).outcome.generated_tokens, 1U);
  Recorder recorder;
  const auto over = tiny->generate(plain(std::string(65, 'a')), recorder, {});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().kind, ErrorKind::limit);
  EXPECT_EQ(over.error().detail, "65 tokens, the context has 64");
  const auto far_over = tiny->generate(plain(std::string(1 << 20, 'a')), recorder, {});
  ASSERT_FALSE(far_over);
  EXPECT_THAT(far_over.error().detail, HasSubstr("at least "));
  Request hole = plain(std::string(500, 'a'), 16);
  hole.suffix = std::string(500, 'b');
  const Ran filled = run(*tiny, hole);
  EXPECT_TRUE(filled.outcome.truncated);
  EXPECT_LE(filled.outcome.prompt_tokens, 48U);
  EXPECT_EQ(filled.outcome.generated_tokens, 16U);
}

TEST(Engine, OfALongPromptTheEndIsKeptWhereTheRequestSaysSo) {
  const auto tiny = engine({.context = 64});
  Request request = plain(std::string(1 << 20, 'b') + std::string(20, 'a'), 5);
  request.keep_tokens = 20;
  const Ran kept = run(*tiny, request);
  EXPECT_EQ(kept.outcome.prompt_tokens, 20U);
  EXPECT_TRUE(kept.outcome.truncated);
  EXPECT_EQ(kept.text, run(*tiny, plain(std::string(20, 'a'), 5)).text);
  request.prefix = std::string(20, 'a');
  EXPECT_FALSE(run(*tiny, request).outcome.truncated);
  for (std::string wide; wide.size() < 300; wide += "\u00e9") {  // the cut may fall into a character
    request.prefix = wide + "a";
    EXPECT_LE(run(*tiny, request).outcome.prompt_tokens, 20U);
  }
}

struct TokenRecorder : Recorder {
  Tokens ids;
  void on_token(Token id, float) override { ids.push_back(id); }
};

Tokens tokens_of(Engine& engine, const Request& request) {
  TokenRecorder heard;
  EXPECT_TRUE(engine.generate(request, heard, {}));
  return heard.ids;
}

TEST(Engine, BiasAndPenaltiesMoveTheChoice) {
  const auto tiny = engine();
  Request request = plain("ab", 6);
  const Token first = tokens_of(*tiny, request).at(0);
  request.bias = {{first, -std::numeric_limits<float>::infinity()}, {1 << 29, 100}, {-5, 100}};
  EXPECT_NE(tokens_of(*tiny, request).at(0), first);
  request.bias = {{65, 1e6F}};
  EXPECT_EQ(tokens_of(*tiny, request), Tokens(6, 65));
  request.frequency_penalty = 1e6F;  // takes back what the bias gives, one by one
  EXPECT_NE(tokens_of(*tiny, request), Tokens(6, 65));
  request = plain("ab", 6);
  request.presence_penalty = 1e6F;
  const Tokens ids = tokens_of(*tiny, request);
  EXPECT_EQ(std::set<Token>(ids.begin(), ids.end()).size(), ids.size());
}

TEST(Engine, AnEmptyPromptBeginsAtTheStartToken) {
  const auto tiny = engine();
  EXPECT_EQ(run(*tiny, plain("")).outcome.prompt_tokens, 1U);
}

TEST(Engine, InvalidUtf8IsRefused) {
  const auto tiny = engine();
  Recorder recorder;
  const auto outcome = tiny->generate(plain("\xFF\xFE"), recorder, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::malformed);
}

TEST(Engine, AHoleNeedsAModelThatFillsHoles) {
  const auto tiny = engine({.fim_type = 0});
  EXPECT_FALSE(tiny->info().fim);
  Recorder recorder;
  Request request = plain("a");
  request.suffix = "b";
  const auto outcome = tiny->generate(request, recorder, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::model);
}

}  // namespace
}  // namespace blindbox::completion
