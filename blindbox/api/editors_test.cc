// SPDX-License-Identifier: Apache-2.0
// TGI, Ollama, Tabby and the first BlindBox, by what their clients send and read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/api/testing/scripted.h"

namespace blindbox::api {
namespace {

using nlohmann::json;
using testing::Bench;
using testing::get;
using ::testing::HasSubstr;
using testing::Heard;
using ::testing::Not;
using testing::post;

// As llm-ls sends it for StarCoder.
constexpr const char* kLlmLs = R"({"model":"x","inputs":"<fim_prefix>a<fim_suffix>b<fim_middle>","parameters":{
  "max_new_tokens":60,"temperature":0.2,"do_sample":true,"top_p":0.95,"stop":["<|endoftext|>"],
  "stop_rules":[]}})";

TEST(Tgi, WhatLlmLsSends) {
  const Bench bench;
  const json answer = bench.answer(post("/generate", kLlmLs));
  EXPECT_EQ(answer, json({{"generated_text", "one\ntwo"}}));
  const auto& request = bench.scripted->seen.back();
  EXPECT_EQ(request.prefix, "a");
  EXPECT_EQ(request.suffix, "b");
  EXPECT_EQ(request.max_tokens, 60U);
  EXPECT_FLOAT_EQ(request.temperature, 0.2F);
  EXPECT_EQ(bench.answer(post("/", kLlmLs)), json::array({answer}));
}

TEST(Tgi, GreedyUnlessAskedOtherwise) {
  const Bench bench;
  EXPECT_EQ(bench.reached(post("/generate", R"({"inputs":"a"})")).temperature, 0);
  EXPECT_EQ(bench.reached(post("/generate", R"({"inputs":"a"})")).max_tokens, 100U);
  EXPECT_EQ(bench.reached(post("/generate", R"({"inputs":"a","parameters":{"do_sample":true}})")).temperature, 1);
  EXPECT_EQ(bench.reached(post("/generate", R"({"inputs":"a","parameters":null})")).prefix, "a");
}

TEST(Tgi, DetailsAndTheFullText) {
  const Bench bench;
  const json answer =
      bench.answer(post("/generate", R"({"inputs":"a","parameters":{"details":true,"return_full_text":true}})"));
  EXPECT_EQ(answer["generated_text"], "aone\ntwo");
  EXPECT_EQ(answer["details"]["finish_reason"], "eos_token");
  EXPECT_EQ(answer["details"]["generated_tokens"], 2);
  EXPECT_EQ(answer["details"]["tokens"][1]["text"], "\ntwo");
}

TEST(Tgi, TheLikeliestTokensAndTheEndOfAPrompt) {
  const Bench bench;
  const std::string asked = R"({"inputs":"a","parameters":{"top_n_tokens":1,"truncate":9,"details":true}})";
  const json top = bench.answer(post("/generate", asked))["details"]["top_tokens"];
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0][0]["text"], "one");
  EXPECT_EQ(top[1][0]["logprob"], -0.5);
  EXPECT_EQ(bench.scripted->seen.back().keep_tokens, 9U);
  EXPECT_EQ(bench.ask(post("/generate_stream", asked)).events()[1]["top_tokens"][0]["id"], 1);
}

TEST(Tgi, MessagesAtTheRoot) {
  const Bench bench({}, true);
  const json answer = bench.answer(post("/", R"({"model":"tgi","messages":[{"role":"user","content":"a"}]})"));
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "one\ntwo");
}

TEST(Tgi, Stream) {
  const Bench bench;
  for (const char* path : {"/generate_stream", "/"}) {
    const Heard heard = bench.ask(post(path, R"({"inputs":"a","stream":true})"));
    EXPECT_EQ(heard.stream_type, "text/event-stream");
    const auto events = heard.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0]["token"]["text"], "one");
    EXPECT_EQ(events[0]["generated_text"], nullptr);
    EXPECT_EQ(events[1]["index"], 2);
    EXPECT_EQ(events[1]["token"]["special"], false);
    EXPECT_EQ(events[1]["generated_text"], "one\ntwo");
    EXPECT_EQ(events[1]["details"]["generated_tokens"], 2);
    EXPECT_THAT(heard.streamed, Not(HasSubstr("[DONE]")));
  }
}

TEST(Tgi, ErrorsAndInfo) {
  const Bench bench;
  const Heard wrong = bench.ask(post("/generate", R"({"inputs":1})"));
  EXPECT_EQ(wrong.status, 422U);
  EXPECT_EQ(wrong.body()["error_type"], "validation");
  EXPECT_THAT(wrong.body()["error"], HasSubstr("inputs"));
  EXPECT_EQ(bench.answer(get("/info"))["max_input_length"], 64);
  EXPECT_EQ(bench.answer(get("/info"))["max_total_tokens"], 64);
  bench.scripted->error = Error{ErrorKind::limit, "the queue is full", "", "try again"};
  EXPECT_EQ(bench.ask(post("/generate_stream", R"({"inputs":"a"})")).status, 429U);
  EXPECT_EQ(bench.ask(post("/generate", R"({"inputs":"a"})")).body()["error_type"], "overloaded");
}

TEST(Original, AnswersWithWhatWasSentAndWhatFollows) {
  const Bench bench;
  EXPECT_EQ(bench.answer(post("/generate", R"({"input_text":"a","max_new_tokens":5})")), json({{"text", "aone\ntwo"}}));
  EXPECT_EQ(bench.scripted->seen.back().max_tokens, 5U);
  EXPECT_EQ(bench.scripted->seen.back().temperature, 0);
  const Heard wrong = bench.ask(post("/generate", R"({"input_text":1})"));
  EXPECT_EQ(wrong.status, 422U);
  EXPECT_EQ(wrong.body()["detail"], "\"input_text\" must be a string");
  const auto hole = bench.reached(post("/generate", R"({"input_text":"<fim-prefix>a<fim-suffix>b<fim-middle>"})"));
  EXPECT_EQ(hole.suffix, "b");
}

TEST(Ollama, GenerateStreamsLines) {
  const Bench bench;
  const Heard heard = bench.ask(post("/api/generate", R"({"model":"m","prompt":"a"})"));
  EXPECT_EQ(heard.stream_type, "application/x-ndjson");
  const auto lines = heard.events();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["response"], "one");
  EXPECT_EQ(lines[0]["done"], false);
  EXPECT_EQ(lines[2]["done"], true);
  EXPECT_EQ(lines[2]["done_reason"], "stop");
  EXPECT_EQ(lines[2]["eval_count"], 2);
  EXPECT_THAT(heard.streamed, Not(HasSubstr("data:")));
}

TEST(Ollama, SuffixRawAndTemplate) {
  const Bench bench({}, true);
  auto request = bench.reached(
      post("/api/generate",
           R"({"model":"m","prompt":"a","suffix":"b","stream":false,"options":{"num_predict":9,"stop":["x"]}})"));
  EXPECT_EQ(request.suffix, "b");
  EXPECT_EQ(request.max_tokens, 9U);
  EXPECT_EQ(request.stop, std::vector<std::string>{"x"});
  // As Twinny sends it.
  request = bench.reached(post(
      "/api/generate",
      R"({"model":"m","raw":true,"prompt":"<PRE> a <SUF>b <MID>","options":{"temperature":0.2,"num_predict":-1}})"));
  EXPECT_EQ(request.prefix, "a");
  EXPECT_EQ(request.suffix, "b");
  EXPECT_TRUE(request.chat.empty());
  request = bench.reached(post("/api/generate", R"({"model":"m","prompt":"a","system":"s"})"));
  ASSERT_EQ(request.chat.size(), 2U);
  EXPECT_EQ(request.chat[1].content, "a");
  request = bench.reached(post("/api/generate", R"({"model":"m","prompt":"a","raw":true})"));
  EXPECT_EQ(request.prefix, "a");
}

TEST(Ollama, AnEmptyPromptOnlyLoads) {
  const Bench bench;
  const json answer = bench.answer(post("/api/generate", R"({"model":"m","stream":false})"));
  EXPECT_EQ(answer["done_reason"], "load");
  EXPECT_EQ(answer["response"], "");
  EXPECT_EQ(bench.answer(post("/api/generate", R"({"model":"m","stream":false,"keep_alive":0})"))["done_reason"],
            "unload");
  const json chat = bench.answer(post("/api/chat", R"({"model":"m","messages":[],"keep_alive":"0","stream":false})"));
  EXPECT_EQ(chat["done_reason"], "unload");
  EXPECT_EQ(chat["message"]["content"], "");
}

TEST(Ollama, ALongPromptLosesItsBeginning) {
  const Bench bench;  // a context of 64
  EXPECT_EQ(bench.reached(post("/api/generate", R"({"prompt":"a","options":{"num_predict":8}})")).keep_tokens, 55U);
  EXPECT_EQ(bench.reached(post("/api/generate", R"({"prompt":"a"})")).keep_tokens, 31U);
  EXPECT_EQ(bench.reached(post("/v1/completions", R"({"prompt":"a"})")).keep_tokens, 0U);
}

TEST(Ollama, ImagesInAMessageAreRefused) {
  const Bench bench({}, true);
  const std::string message = R"({"model":"m","messages":[{"role":"user","content":"a","images":)";
  EXPECT_EQ(bench.ask(post("/api/chat", message + R"(["aaaa"]}]})")).status, 400U);
  EXPECT_EQ(bench.ask(post("/api/chat", message + "[]}]}")).status, 200U);
}

TEST(Ollama, Chat) {
  const Bench bench({}, true);
  const json answer =
      bench.answer(post("/api/chat", R"({"model":"m","messages":[{"role":"user","content":"a"}],"stream":false})"));
  EXPECT_EQ(answer["message"]["content"], "one\ntwo");
  EXPECT_EQ(answer["done"], true);
  const Heard heard = bench.ask(post("/api/chat", R"({"model":"m","messages":[{"role":"user","content":"a"}]})"));
  EXPECT_EQ(heard.events()[0]["message"]["content"], "one");
}

TEST(Ollama, Pages) {
  const Bench bench;
  EXPECT_EQ(bench.answer(get("/api/tags"))["models"][0]["name"], "scripted");
  EXPECT_EQ(bench.answer(get("/api/ps"))["models"].size(), 1U);
  const json shown = bench.answer(post("/api/show", R"({"model":"m"})"));
  EXPECT_THAT(shown["template"], HasSubstr(".Suffix"));
  EXPECT_EQ(shown["capabilities"], json::array({"completion", "insert"}));
  EXPECT_EQ(shown["model_info"]["starcoder.context_length"], 64);
  EXPECT_EQ(bench.answer(get("/api/version"))["version"], "0.6.0");
  EXPECT_THAT(bench.answer(post("/api/generate", "{"))["error"], HasSubstr("JSON"));
}

// As tabby-agent sends it.
constexpr const char* kTabby = R"({"language":"python","segments":{"prefix":"a","suffix":"b","filepath":"x.py",
  "git_url":"","declarations":[{"filepath":"y.py","body":"def y(): ..."}],
  "relevant_snippets_from_changed_files":[{"filepath":"z.py","body":"z","score":1.5}],"clipboard":""},
  "temperature":0.1,"user":"u"})";

TEST(Tabby, SharesThePathWithOpenAi) {
  const Bench bench;
  const json answer = bench.answer(post("/v1/completions", kTabby));
  EXPECT_THAT(answer["id"], ::testing::StartsWith("cmpl-"));
  EXPECT_EQ(answer["choices"].size(), 1U);
  EXPECT_EQ(answer["choices"][0]["index"], 0);
  EXPECT_FALSE(answer["choices"][0].contains("finish_reason"));
  const auto& request = bench.scripted->seen.back();
  EXPECT_EQ(request.prefix, "a");
  EXPECT_EQ(request.suffix, "b");
  EXPECT_EQ(request.filename, "x.py");
  ASSERT_EQ(request.extra.size(), 2U);
  EXPECT_EQ(request.extra[0].filename, "z.py");
  EXPECT_EQ(request.extra[1].text, "def y(): ...");
  EXPECT_EQ(request.max_tokens, 64U);
}

TEST(Tabby, HealthServesItsClientAndLlamaCpps) {
  const Bench bench;
  for (const json& health : {bench.answer(get("/v1/health")), bench.answer(post("/v1/health", "{}"))}) {
    EXPECT_EQ(health["status"], "ok");
    EXPECT_TRUE(health["version"]["git_describe"].is_string());
    EXPECT_EQ(health["model"], "scripted");
    EXPECT_EQ(health["device"], "cpu");
  }
  EXPECT_EQ(bench.answer(get("/v1beta/server_setting"))["disable_client_side_telemetry"], true);
  EXPECT_EQ(bench.ask(post("/v1/events", R"({"type":"view"})")).status, 200U);
}

}  // namespace
}  // namespace blindbox::api
