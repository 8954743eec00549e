// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "blindbox/api/testing/scripted.h"

namespace blindbox::api {
namespace {

using nlohmann::json;
using testing::Bench;
using ::testing::EndsWith;
using testing::get;
using ::testing::HasSubstr;
using testing::Heard;
using testing::post;

TEST(OpenAi, Completion) {
  const Bench bench;
  const json answer = bench.answer(post("/v1/completions?x=1", R"({"model":"any","prompt":"a"})"));
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_THAT(answer["id"], ::testing::StartsWith("cmpl-"));
  EXPECT_EQ(answer["choices"][0]["text"], "one\ntwo");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(answer["choices"][0]["logprobs"], nullptr);
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 7);
  EXPECT_EQ(answer["usage"]["total_tokens"], 9);
  EXPECT_EQ(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 5);
  EXPECT_EQ(bench.scripted->seen.at(0).max_tokens, 16U);
  EXPECT_FLOAT_EQ(bench.scripted->seen.at(0).temperature, 1);
}

TEST(OpenAi, ASuffixMakesAHole) {
  const Bench bench;
  auto request = bench.reached(post("/v1/completions", R"({"prompt":"a","suffix":"b","max_tokens":5,"stop":"\n"})"));
  EXPECT_EQ(request.prefix, "a");
  EXPECT_EQ(request.suffix, "b");
  EXPECT_EQ(request.max_tokens, 5U);
  EXPECT_EQ(request.stop, std::vector<std::string>{"\n"});
  // The source of a program about such markers stays what it is.
  request =
      bench.reached(post("/v1/completions", R"({"prompt":"<fim_prefix>a<fim_suffix>b<fim_middle>","suffix":""})"));
  EXPECT_EQ(request.prefix, "<fim_prefix>a<fim_suffix>b<fim_middle>");
  request = bench.reached(post("/v1/completions", R"({"prompt":"a","suffix":null})"));
  EXPECT_FALSE(request.suffix);
}

TEST(OpenAi, StreamWithUsage) {
  const Bench bench;
  const Heard heard = bench.ask(
      post("/v1/completions", R"({"prompt":"a","stream":true,"stream_options":{"include_usage":true},"echo":true})"));
  EXPECT_THAT(heard.streamed, EndsWith("data: [DONE]\n\n"));
  const auto events = heard.events();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[0]["choices"][0]["text"], "a");
  EXPECT_EQ(events[1]["choices"][0]["text"], "one");
  EXPECT_EQ(events[3]["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(events[4]["choices"], json::array());
  EXPECT_EQ(events[4]["usage"]["completion_tokens"], 2);
  EXPECT_EQ(events[0]["id"], events[4]["id"]);
}

TEST(OpenAi, SeveralPromptsAndChoices) {
  const Bench bench;
  const json answer = bench.answer(post("/v1/completions", R"({"prompt":["a","b"],"n":2,"echo":true})"));
  ASSERT_EQ(answer["choices"].size(), 4U);
  EXPECT_EQ(answer["choices"][1]["text"], "aone\ntwo");
  EXPECT_EQ(answer["choices"][3]["text"], "bone\ntwo");
  EXPECT_EQ(answer["choices"][3]["index"], 3);
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 14);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 8);
}

TEST(OpenAi, LogProbabilities) {
  const Bench bench;
  const json legacy = bench.answer(post("/v1/completions", R"({"prompt":"a","logprobs":1})"))["choices"][0]["logprobs"];
  EXPECT_EQ(legacy["tokens"], json::array({"one", "\ntwo"}));
  EXPECT_EQ(legacy["text_offset"], json::array({0, 3}));
  EXPECT_EQ(legacy["top_logprobs"][0]["one"], -0.5);
  const Heard stream = bench.ask(post("/v1/completions", R"({"prompt":"a","logprobs":0,"stream":true})"));
  EXPECT_EQ(stream.events()[1]["choices"][0]["logprobs"]["text_offset"], json::array({3}));
  EXPECT_EQ(bench.ask(post("/v1/completions", R"({"prompt":"a","logprobs":1,"echo":true})")).status, 400U);
}

TEST(OpenAi, WhatIsNotThereIsSaid) {
  const Bench bench;
  for (const char* body :
       {R"({})", R"({"prompt":1})", R"({"prompt":"a","n":100})", R"({"prompt":"a","best_of":3})",
        R"({"prompt":"a","stop":[1]})", R"({"prompt":"a","stream_options":1})",
        R"({"prompt":"a","grammar":"root ::= x"})", R"({"prompt":"a","json_schema":{"type":"object"}})"}) {
    const Heard heard = bench.ask(post("/v1/completions", body));
    EXPECT_EQ(heard.status, 400U) << body;
    EXPECT_EQ(heard.body()["error"]["type"], "invalid_request_error");
  }
}

constexpr const char* kChat = R"({"messages":[{"role":"developer","content":"s"},
  {"role":"user","content":[{"type":"text","text":"h"},{"type":"text","text":"i"}]}],"temperature":0)";

TEST(OpenAi, WhateverStandsBeforeThePath) {
  const Bench bench({}, true);
  for (const char* path : {"/v1/completions", "//v1//completions/", "/v1/engines/copilot-codex/completions",
                           "/openai/deployments/d/completions?api-version=1", "/beta/completions", "/completions"}) {
    const json answer = bench.answer(post(path, R"({"prompt":"a","suffix":"b","max_tokens":9,"stop_rules":[]})"));
    EXPECT_EQ(answer["choices"][0]["text"], "one\ntwo") << path;
    EXPECT_EQ(bench.scripted->seen.back().suffix, "b") << path;
  }
  EXPECT_EQ(bench.answer(post("/completions", R"({"prompt":"a","n_predict":9})"))["content"], "one\ntwo");
  const json chat = bench.answer(post("/openai/deployments/d/chat/completions", kChat + std::string("}")));
  EXPECT_EQ(chat["choices"][0]["message"]["content"], "one\ntwo");
  const json model = bench.answer(get("/openai/models/"))["data"][0];
  EXPECT_EQ(model["id"], "scripted");
  EXPECT_EQ(model["type"], "base");
  EXPECT_EQ(model["capabilities"]["completion_fim"], true);
}

TEST(OpenAi, PenaltiesAndBias) {
  const Bench bench;
  const auto request = bench.reached(post("/v1/completions", R"({"prompt":"a","presence_penalty":1.5,
    "frequency_penalty":-0.5,"logit_bias":{"50256":-100,"7":1.5}})"));
  EXPECT_EQ(request.presence_penalty, 1.5F);
  EXPECT_EQ(request.frequency_penalty, -0.5F);
  ASSERT_EQ(request.bias.size(), 2U);
  EXPECT_EQ(request.bias[0].id, 50256);
  EXPECT_EQ(request.bias[0].bias, -100);
  const auto pairs = bench.reached(post("/completion", R"({"prompt":"a","logit_bias":[[7,false],[8,2]]})"));
  ASSERT_EQ(pairs.bias.size(), 2U);
  EXPECT_TRUE(std::isinf(pairs.bias[0].bias));
  EXPECT_EQ(pairs.bias[1].id, 8);
  const auto huge = bench.reached(post("/completion", R"({"prompt":"a","logit_bias":[[7,1e300],[8,-1e39]]})"));
  ASSERT_EQ(huge.bias.size(), 2U);
  EXPECT_EQ(huge.bias[0].bias, 1e6F);
  EXPECT_EQ(huge.bias[1].bias, -1e6F);
  for (const char* bias : {R"({"a":1})", R"({"1":"x"})", R"({"-1":1})", R"({"1 ":1})", "[1]", "[[1]]", "[[1.5,1]]",
                           R"([["a",1]])", "5", R"({"99999999999":1})"}) {
    EXPECT_EQ(bench.ask(post("/v1/completions", R"({"prompt":"a","logit_bias":)" + std::string(bias) + "}")).status,
              400U)
        << bias;
  }
}

TEST(OpenAi, AsManyTokensAsFit) {
  const Bench bench;
  for (const char* tokens : {"-1", "-2", "2147483647", "9007199254740991"}) {
    const auto request =
        bench.reached(post("/v1/completions", R"({"prompt":"a","max_tokens":)" + std::string(tokens) + "}"));
    EXPECT_EQ(request.max_tokens, 1U << 20U) << tokens;
  }
}

TEST(OpenAi, FillInTheMiddleOfMistral) {
  const Bench bench;
  for (const char* path : {"/fim/completions", "/v1/fim/completions", "/beta/fim/completions"}) {
    const json answer = bench.answer(post(path, R"({"prompt":"a","suffix":"b","random_seed":3,"stop_rules":[]})"));
    EXPECT_EQ(answer["choices"][0]["message"]["content"], "one\ntwo");
    EXPECT_EQ(answer["choices"][0]["text"], "one\ntwo");
    EXPECT_EQ(bench.scripted->seen.back().suffix, "b");
    EXPECT_EQ(bench.scripted->seen.back().seed, 3U);
  }
  const Heard heard = bench.ask(post("/v1/fim/completions", R"({"prompt":"a","stream":true})"));
  EXPECT_EQ(heard.events()[0]["choices"][0]["delta"]["content"], "one");
  EXPECT_EQ(bench.scripted->seen.back().suffix, "");
}

TEST(OpenAi, Chat) {
  const Bench bench({}, true);
  const json answer = bench.answer(post("/v1/chat/completions", kChat + std::string("}")));
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "one\ntwo");
  const auto& chat = bench.scripted->seen.back().chat;
  ASSERT_EQ(chat.size(), 2U);
  EXPECT_EQ(chat[0].role, "system");
  EXPECT_EQ(chat[1].content, "hi");
}

TEST(OpenAi, ChatStreamBeginsWithTheRole) {
  const Bench bench({}, true);
  const Heard heard = bench.ask(
      post("/chat/completions", kChat + std::string(R"(,"stream":true,"stream_options":{"include_usage":true}})")));
  const auto events = heard.events();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(events[1]["choices"][0]["delta"], json({{"content", "one"}}));
  EXPECT_EQ(events[3]["choices"][0]["delta"], json::object());
  EXPECT_EQ(events[3]["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(events[4]["usage"]["completion_tokens"], 2);
  EXPECT_THAT(heard.streamed, EndsWith("data: [DONE]\n\n"));
}

TEST(OpenAi, ChatProbabilities) {
  const Bench bench({}, true);
  const json answer =
      bench.answer(post("/v1/chat/completions", kChat + std::string(R"(,"logprobs":true,"top_logprobs":1})")));
  const json& first = answer["choices"][0]["logprobs"]["content"][0];
  EXPECT_EQ(first["token"], "one");
  EXPECT_EQ(first["bytes"], json::array({'o', 'n', 'e'}));
  EXPECT_EQ(first["top_logprobs"][0]["logprob"], -0.5);
}

TEST(OpenAi, ChatRefusesWhatItCannot) {
  const Bench bench({}, true);
  for (const char* body :
       {R"({"messages":[]})", R"({"messages":[{"role":"wizard","content":"a"}]})", R"({"messages":[{"content":"a"}]})",
        R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
        R"({"messages":[{"role":"user","content":"a"}],"tools":[{}]})",
        R"({"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_object"}})"}) {
    EXPECT_EQ(bench.ask(post("/v1/chat/completions", body)).status, 400U) << body;
  }
}

TEST(OpenAi, Models) {
  const Bench bench;
  const json list = bench.answer(get("/v1/models"));
  EXPECT_EQ(list["object"], "list");
  EXPECT_EQ(list["data"][0]["id"], "scripted");
  EXPECT_EQ(list["data"][0]["meta"]["n_ctx"], 64);
  EXPECT_EQ(list["data"][0]["meta"]["fim"], true);
  EXPECT_EQ(bench.answer(get("/v1/models/anything"))["object"], "model");
}

}  // namespace
}  // namespace blindbox::api
