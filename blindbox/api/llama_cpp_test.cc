// SPDX-License-Identifier: Apache-2.0
// llama.cpp's protocol, by what llama.vim and llama.vscode send and read.
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
using ::testing::StartsWith;

// As llama.vim sends it.
constexpr const char* kVim = R"({"id_slot":0,"input_prefix":"a\n","input_suffix":"\nb\n","input_extra":[
  {"filename":"x.py","text":"X","time":1},{"filename":"y.py","text":"Y"}],"prompt":"    re","n_predict":128,
  "stop":[],"n_indent":4,"top_k":40,"top_p":0.9,"stream":false,"samplers":["top_k","top_p","infill"],
  "cache_prompt":true,"t_max_prompt_ms":500,"t_max_predict_ms":1000,"model":"",
  "response_fields":["content","timings/prompt_n","timings/prompt_ms","timings/predicted_n","truncated","tokens_cached","no/such"]})";

TEST(LlamaCpp, WhatLlamaVimSends) {
  const Bench bench;
  bench.scripted->pieces = {"turn 1"};
  const Heard heard = bench.ask(post("/infill", kVim));
  ASSERT_EQ(heard.status, 200U);
  const completion::Request& request = bench.scripted->seen.at(0);
  EXPECT_EQ(request.prefix, "a\n    re");
  EXPECT_EQ(request.suffix, "\nb\n");
  ASSERT_EQ(request.extra.size(), 2U);
  EXPECT_EQ(request.extra[1].filename, "y.py");
  EXPECT_EQ(request.extra[1].text, "Y");
  EXPECT_EQ(request.top_k, 40);
  EXPECT_FLOAT_EQ(request.top_p, 0.9F);
  EXPECT_EQ(request.line_budget, std::chrono::milliseconds(1000));
  // Literal keys in the order in which they were asked for, on one line without a blank.
  EXPECT_THAT(heard.response->body, StartsWith(R"({"content":"turn 1","timings/prompt_n":2,)"));
  EXPECT_THAT(heard.response->body, Not(HasSubstr("no/such")));
  EXPECT_THAT(heard.response->body, HasSubstr(R"("truncated":false,"tokens_cached":8)"));
}

TEST(LlamaCpp, PrewarmMakesNoTokens) {
  const Bench bench;
  const auto request = bench.reached(post("/infill", R"({"input_prefix":"a","input_suffix":"b","n_predict":0})"));
  EXPECT_EQ(request.max_tokens, 0U);
}

TEST(LlamaCpp, TheWholeAnswer) {
  const Bench bench;
  const json answer = bench.answer(
      post("/infill", R"({"input_prefix":"a","input_suffix":"","stop_rules":[],"id_slot":3,"n_predict":9,"seed":5})"));
  EXPECT_EQ(answer["content"], "one\ntwo");
  EXPECT_EQ(answer["stop"], true);
  EXPECT_EQ(answer["id_slot"], 3);
  EXPECT_EQ(answer["model"], "scripted");
  EXPECT_EQ(answer["tokens_predicted"], 2);
  EXPECT_EQ(answer["tokens_evaluated"], 7);
  EXPECT_EQ(answer["has_new_line"], true);
  EXPECT_EQ(answer["stop_type"], "eos");
  EXPECT_EQ(answer["timings"]["cache_n"], 5);
  EXPECT_EQ(answer["generation_settings"]["n_predict"], 9);
  EXPECT_EQ(answer["generation_settings"]["seed"], 5);
}

TEST(LlamaCpp, StreamsEndWithoutDone) {
  const Bench bench;
  const Heard heard =
      bench.ask(post("/infill", R"({"input_prefix":"a","input_suffix":"","stream":true,"stop_rules":[]})"));
  EXPECT_EQ(heard.stream_type, "text/event-stream");
  const auto events = heard.events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0]["content"], "one");
  EXPECT_EQ(events[0]["stop"], false);
  EXPECT_EQ(events[0]["tokens"], json::array({0}));
  EXPECT_EQ(events[1]["tokens_predicted"], 2);
  EXPECT_EQ(events[2]["stop"], true);
  EXPECT_EQ(events[2]["content"], "");
  EXPECT_THAT(heard.streamed, Not(HasSubstr("[DONE]")));
  EXPECT_TRUE(heard.ended);
}

TEST(LlamaCpp, SeveralCompletionsAreAnArray) {
  const Bench bench;
  const json answer =
      bench.answer(post("/infill", R"({"input_prefix":"a","input_suffix":"b","n_cmpl":3,"seed":10,"temperature":1})"));
  ASSERT_EQ(answer.size(), 3U);
  EXPECT_EQ(answer[2]["index"], 2);
  std::set<std::uint32_t> seeds;
  for (const auto& request : bench.scripted->seen) {
    if (request.max_tokens > 0) seeds.insert(request.seed);
  }
  EXPECT_EQ(seeds, (std::set<std::uint32_t>{10, 11, 12}));
  EXPECT_EQ(bench.ask(post("/infill", R"({"input_prefix":"a","input_suffix":"b","n_cmpl":9})")).status, 400U);
}

TEST(LlamaCpp, IndentationEndsTheText) {
  const Bench bench;
  bench.scripted->pieces = {"x = 1\n", "    y = 2\n", "  ", "z = 3\n", "more"};
  const json answer =
      bench.answer(post("/infill", R"({"input_prefix":"    ","input_suffix":"","n_indent":4,"stop_rules":[]})"));
  EXPECT_EQ(answer["content"], "x = 1\n    y = 2");
  EXPECT_EQ(answer["stop_rule"], "indent");
}

TEST(LlamaCpp, CompletionTakesTextTokensAndFrames) {
  const Bench bench;
  EXPECT_EQ(bench.reached(post("/completion", R"({"prompt":"a"})")).prefix, "a");
  EXPECT_EQ(bench.reached(post("/completions", R"({"prompt":[1,2]})")).prompt_tokens, (completion::Tokens{1, 2}));
  const auto hole = bench.reached(post("/completion", R"({"prompt":"<fim_prefix>a<fim_suffix>b<fim_middle>"})"));
  EXPECT_EQ(hole.prefix, "a");
  EXPECT_EQ(hole.suffix, "b");
  const json both = bench.answer(post("/completion", R"({"prompt":["a",[1]]})"));
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(bench.ask(post("/completion", R"({"prompt":[]})")).status, 400U);
  EXPECT_EQ(bench.ask(post("/completion", R"({"prompt":[-1]})")).status, 400U);
  EXPECT_EQ(bench.ask(post("/completion", R"({"prompt":[1.5]})")).status, 400U);
}

TEST(LlamaCpp, Probabilities) {
  const Bench bench;
  const json answer = bench.answer(post("/completion", R"({"prompt":"a","n_probs":1,"return_tokens":true})"));
  EXPECT_EQ(answer["tokens"], json::array({0, 1}));
  EXPECT_EQ(answer["completion_probabilities"][0]["token"], "one");
  EXPECT_EQ(answer["completion_probabilities"][0]["bytes"], json::array({'o', 'n', 'e'}));
  EXPECT_EQ(answer["completion_probabilities"][0]["top_logprobs"][0]["logprob"], -0.5);
}

TEST(LlamaCpp, WhatItCannotDoIsRefusedByName) {
  const Bench bench;
  for (const char* name : {"grammar", "json_schema", "image_data", "lora"}) {
    const std::string key = R"({"prompt":"a",")" + std::string(name) + "\":";
    const Heard heard = bench.ask(post("/completion", key + R"(["x"]})"));
    EXPECT_EQ(heard.status, 400U) << name;
    EXPECT_THAT(heard.body()["error"]["message"], HasSubstr(name));
    for (const char* nothing : {"null}", "\"\"}", "[]}", "{}}"}) {
      EXPECT_EQ(bench.ask(post("/completion", key + nothing)).status, 200U) << name << nothing;
    }
  }
  EXPECT_EQ(bench.reached(post("/completion", R"({"prompt":"a","max_tokens":3})")).max_tokens, 3U);
}

TEST(LlamaCpp, Pages) {
  const Bench bench({}, true);
  EXPECT_EQ(bench.answer(get("/props"))["default_generation_settings"]["n_ctx"], 64);
  EXPECT_EQ(bench.answer(get("/props"))["total_slots"], 4);
  EXPECT_EQ(bench.answer(get("/slots")).size(), 4U);
  EXPECT_EQ(bench.answer(post("/tokenize", R"({"content":"ab","add_special":true})"))["tokens"],
            json::array({256, 97, 98}));
  EXPECT_EQ(bench.answer(post("/tokenize", R"({"content":"z","with_pieces":true})"))["tokens"][0]["piece"], "z");
  EXPECT_EQ(bench.answer(post("/tokenize", R"({"content":"é","with_pieces":true})"))["tokens"][0]["piece"],
            json::array({0xC3}));
  EXPECT_EQ(bench.answer(post("/detokenize", R"({"tokens":[97,98]})"))["content"], "ab");
  EXPECT_EQ(bench.answer(post("/apply-template", R"({"messages":[{"role":"user","content":"hi"}]})"))["prompt"],
            "[user]hi");
  EXPECT_EQ(bench.ask(post("/detokenize", R"({"tokens":["a"]})")).status, 400U);
}

TEST(LlamaCpp, PagesTurnSoMuchTextAtOnceAndNoMore) {
  const Bench bench;
  const std::string longest(256 * 1024, 'a');
  EXPECT_EQ(bench.ask(post("/tokenize", R"({"content":")" + longest + R"("})")).status, 200U);
  EXPECT_EQ(bench.ask(post("/tokenize", R"({"content":"a)" + longest + R"("})")).status, 400U);
  std::string ids = "1";
  for (std::size_t i = 1; i < 64 * 1024; ++i) ids += ",1";
  EXPECT_EQ(bench.ask(post("/detokenize", R"({"tokens":[)" + ids + "]}")).status, 200U);
  EXPECT_EQ(bench.ask(post("/detokenize", R"({"tokens":[1,)" + ids + "]}")).status, 400U);
}

TEST(LlamaCpp, WrongBodiesAreToldByTheirField) {
  const Bench bench;
  const auto message = [&](const char* body) { return bench.answer(post("/infill", body))["error"]["message"]; };
  EXPECT_EQ(message("{"), "the request is not valid JSON in UTF-8");
  EXPECT_EQ(message("{}"), "\"input_prefix\" is required");
  EXPECT_THAT(message(R"({"input_prefix":"a","input_suffix":1})"), HasSubstr("input_suffix"));
  EXPECT_THAT(message(R"({"input_prefix":"a","input_suffix":"","n_predict":-7})"), HasSubstr("n_predict"));
  EXPECT_THAT(message(R"({"input_prefix":"a","input_suffix":"","input_extra":[1]})"), HasSubstr("input_extra"));
  EXPECT_THAT(message(R"({"input_prefix":"a","input_suffix":"","temperature":-1})"), HasSubstr("temperature"));
  EXPECT_THAT(message(R"({"input_prefix":"a","input_suffix":"","stop_rules":["all"]})"), HasSubstr("stop_rules"));
  EXPECT_THAT(message(R"({"input_prefix":"a","input_prefix":"b","input_suffix":""})"), HasSubstr("twice"));
}

}  // namespace
}  // namespace blindbox::api
