// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace blindbox::completion {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string problem(const Result<ApiRequest>& parsed) {
  EXPECT_TRUE(parsed || parsed.error().kind == ErrorKind::malformed);
  return parsed ? "none" : parsed.error().what;
}

ModelInfo model() {
  ModelInfo info;
  info.name = "tiny";
  info.architecture = "starcoder";
  info.context_length = 256;
  info.trained_context_length = 2048;
  info.vocabulary = 260;
  info.sha256 = "aa";
  info.tokenizer_sha256 = "bb";
  return info;
}

Outcome outcome(StopReason reason) {
  Outcome out;
  out.reason = reason;
  out.prompt_tokens = 10;
  out.cached_tokens = 6;
  out.evaluated_tokens = 4;
  out.generated_tokens = 3;
  out.timings = {8, 9, 30, 100};
  return out;
}

// The JSON objects of a stream's events; "[DONE]" stays a string.
std::vector<json> events(const std::string& stream) {
  std::vector<json> out;
  std::size_t at = 0;
  while (at < stream.size()) {
    const std::size_t end = stream.find("\n\n", at);
    EXPECT_NE(end, std::string::npos);
    const std::string line = stream.substr(at, end - at);
    EXPECT_THAT(line, StartsWith("data: "));
    EXPECT_EQ(line.find('\n'), std::string::npos);
    out.push_back(line == "data: [DONE]" ? json("[DONE]") : json::parse(line.substr(6)));
    at = end + 2;
  }
  return out;
}

TEST(ParseInfill, WhatLlamaVimSends) {
  const auto parsed = parse_infill(
      R"({"id_slot":0,"input_prefix":"a\n","input_suffix":"c\n","input_extra":[{"filename":"f","text":"t","time":1}],)"
      R"("prompt":"    b","n_predict":128,"n_indent":4,"stop":[],"top_k":40,"top_p":0.9,"samplers":["top_k","infill"],)"
      R"("stream":false,"cache_prompt":true,"t_max_prompt_ms":500,"t_max_predict_ms":1000,"model":"",)"
      R"("response_fields":["content","timings/prompt_n"]})");
  ASSERT_TRUE(parsed) << problem(parsed);
  EXPECT_EQ(parsed->request.prefix, "a\n    b");
  EXPECT_EQ(parsed->request.suffix, "c\n");
  EXPECT_EQ(parsed->request.max_tokens, 128U);
  EXPECT_EQ(parsed->request.top_k, 40);
  EXPECT_EQ(parsed->request.temperature, 0);
  EXPECT_EQ(parsed->request.line_budget, std::chrono::milliseconds(1000));
  EXPECT_THAT(parsed->response_fields, ElementsAre("content", "timings/prompt_n"));
}

TEST(ParseInfill, PrewarmAndUnlimited) {
  EXPECT_EQ(parse_infill(R"({"input_prefix":"","input_suffix":"","n_predict":0})")->request.max_tokens, 0U);
  EXPECT_GT(parse_infill(R"({"input_prefix":"","input_suffix":"","n_predict":-1})")->request.max_tokens, 1000U);
}

TEST(ParseInfill, Problems) {
  EXPECT_EQ(problem(parse_infill(R"({"input_suffix":""})")), "\"input_prefix\" is required");
  EXPECT_EQ(problem(parse_infill(R"({"input_prefix":""})")), "\"input_suffix\" is required");
  const auto with = [](const char* more) {
    return problem(parse_infill(std::string(R"({"input_prefix":"","input_suffix":"",)") + more + "}"));
  };
  EXPECT_THAT(with(R"("input_extra":{})"), HasSubstr("input_extra"));
  EXPECT_THAT(with(R"("input_extra":[1])"), HasSubstr("input_extra"));
  EXPECT_THAT(with(R"("n_predict":1e9)"), HasSubstr("n_predict"));
  EXPECT_THAT(with(R"("n_predict":99999999999)"), HasSubstr("n_predict"));
  EXPECT_THAT(with(R"("n_cmpl":2)"), HasSubstr("not supported"));
  EXPECT_THAT(with(R"("temperature":-0.1)"), HasSubstr("temperature"));
  EXPECT_THAT(with(R"("top_p":1.1)"), HasSubstr("top_p"));
  EXPECT_THAT(with(R"("stop":7)"), HasSubstr("stop"));
  EXPECT_THAT(with(R"("stream":"yes")"), HasSubstr("stream"));
  EXPECT_EQ(with(R"("unknown":{"a":[1,2]})"), "none");
}

TEST(ParseCompletions, PromptAndSuffix) {
  const auto parsed = parse_completions(
      R"({"model":"m","prompt":"a","suffix":"b","max_tokens":9,"temperature":0.2,"top_p":0.5,"stop":"\n","seed":42,)"
      R"("stream":true,"stream_options":{"include_usage":true},"n":1,"echo":false,"logprobs":null,"user":"u"})");
  ASSERT_TRUE(parsed) << problem(parsed);
  EXPECT_EQ(parsed->request.suffix, "b");
  EXPECT_EQ(parsed->request.max_tokens, 9U);
  EXPECT_EQ(parsed->request.seed, 42U);
  EXPECT_THAT(parsed->request.stop, ElementsAre("\n"));
  EXPECT_TRUE(parsed->stream);
  EXPECT_TRUE(parsed->include_usage);
}

TEST(ParseCompletions, NoSuffixIsNoHoleButAnEmptyOneIs) {
  EXPECT_FALSE(parse_completions(R"({"prompt":"a"})")->request.suffix);
  EXPECT_FALSE(parse_completions(R"({"prompt":"a","suffix":null})")->request.suffix);
  EXPECT_EQ(parse_completions(R"({"prompt":["a"],"suffix":""})")->request.suffix, "");
  EXPECT_EQ(parse_completions(R"({"prompt":"a"})")->request.temperature, 1);
}

TEST(ParseCompletions, Problems) {
  EXPECT_EQ(problem(parse_completions("{}")), "\"prompt\" is required");
  EXPECT_THAT(problem(parse_completions(R"({"prompt":["a","b"]})")), HasSubstr("one string"));
  EXPECT_THAT(problem(parse_completions(R"({"prompt":[1,2]})")), HasSubstr("one string"));
  EXPECT_THAT(problem(parse_completions(R"({"prompt":1})")), HasSubstr("must be a string"));
  EXPECT_THAT(problem(parse_completions(R"({"prompt":"a","n":2})")), HasSubstr("not supported"));
  EXPECT_THAT(problem(parse_completions(R"({"prompt":"a","echo":true})")), HasSubstr("echo"));
  EXPECT_THAT(problem(parse_completions(R"({"prompt":"a","logprobs":3})")), HasSubstr("logprobs"));
  EXPECT_THAT(problem(parse_completions(R"({"prompt":"a","max_tokens":-1})")), HasSubstr("max_tokens"));
  EXPECT_THAT(problem(parse_completions(R"({"prompt":"a","stream_options":1})")), HasSubstr("stream_options"));
}

TEST(ParseGenerate, TheFirstBlindBox) {
  const auto parsed = parse_generate(R"({"input_text":"def print_hello_world():"})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->request.prefix, "def print_hello_world():");
  EXPECT_EQ(parsed->request.max_tokens, 128U);
  EXPECT_FALSE(parsed->request.suffix);
  EXPECT_EQ(parse_generate(R"({"input_text":"","max_new_tokens":7})")->request.max_tokens, 7U);
  EXPECT_EQ(problem(parse_generate("{}")), "\"input_text\" is required");
  EXPECT_THAT(problem(parse_generate(R"({"input_text":"","max_new_tokens":0})")), HasSubstr("max_new_tokens"));
}

TEST(FormatInfill, WholeAnswer) {
  ApiRequest asked;
  const ModelInfo info = model();
  const std::string text = full_answer({info, asked, "", 0}, "x\n\"y\"", outcome(StopReason::eos));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_THAT(text, HasSubstr(R"("content":"x\n\"y\"",)"));  // no space: llama.vim matches the raw text
  const json answer = json::parse(text);
  EXPECT_EQ(answer["stop"], true);
  EXPECT_EQ(answer["stop_type"], "eos");
  EXPECT_EQ(answer["has_new_line"], true);
  EXPECT_EQ(answer["truncated"], false);
  EXPECT_EQ(answer["tokens_predicted"], 3);
  EXPECT_EQ(answer["tokens_evaluated"], 10);
  EXPECT_EQ(answer["timings"]["prompt_n"], 4);
  EXPECT_EQ(answer["timings"]["prompt_per_second"], 500);
  EXPECT_EQ(answer["timings"]["predicted_per_token_ms"], 10);
}

TEST(FormatInfill, ResponseFieldsAreLiteralKeys) {
  ApiRequest asked;
  asked.response_fields = {"content", "timings/prompt_n", "timings/absent", "content/deeper", "/", ""};
  const ModelInfo info = model();
  EXPECT_EQ(full_answer({info, asked, "", 0}, "x", outcome(StopReason::limit)),
            R"({"content":"x","timings/prompt_n":4})");
}

TEST(FormatInfill, Stream) {
  ApiRequest asked;
  asked.stream = true;
  const ModelInfo info = model();
  const AnswerAbout about{info, asked, "", 0};
  const auto all = events(stream_piece(about, "a\n\n") + stream_piece(about, "b") +
                          stream_end(about, "a\n\nb", outcome(StopReason::word)));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["content"], "a\n\n");
  EXPECT_EQ(all[0]["stop"], false);
  EXPECT_EQ(all[2]["content"], "");
  EXPECT_EQ(all[2]["stop"], true);
  EXPECT_EQ(all[2]["stop_type"], "word");
  EXPECT_EQ(all[2]["has_new_line"], true);
}

TEST(FormatOpenAi, WholeAnswer) {
  ApiRequest asked;
  asked.protocol = Protocol::openai;
  const ModelInfo info = model();
  const json answer = json::parse(full_answer({info, asked, "cmpl-1", 99}, "x", outcome(StopReason::limit)));
  EXPECT_EQ(answer["id"], "cmpl-1");
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["created"], 99);
  EXPECT_EQ(answer["choices"][0]["text"], "x");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(answer["usage"]["total_tokens"], 13);
}

TEST(FormatOpenAi, StreamEndsWithDone) {
  ApiRequest asked;
  asked.protocol = Protocol::openai;
  asked.include_usage = true;
  const ModelInfo info = model();
  const AnswerAbout about{info, asked, "cmpl-1", 99};
  const auto all = events(stream_piece(about, "x") + stream_end(about, "x", outcome(StopReason::eos)));
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0]["choices"][0]["text"], "x");
  EXPECT_TRUE(all[0]["choices"][0]["finish_reason"].is_null());
  EXPECT_EQ(all[1]["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(all[2]["choices"].empty());
  EXPECT_EQ(all[2]["usage"]["completion_tokens"], 3);
  EXPECT_EQ(all[3], "[DONE]");
}

TEST(FormatGenerate, TheTextBeginsWithWhatWasSent) {
  ApiRequest asked;
  asked.protocol = Protocol::original;
  asked.request.prefix = "def f():";
  const ModelInfo info = model();
  EXPECT_EQ(full_answer({info, asked, "", 0}, "\n    pass", outcome(StopReason::eos)),
            R"({"text":"def f():\n    pass"})");
}

TEST(Format, ModelsAndHealthAndErrors) {
  EXPECT_EQ(health_answer(), R"({"status":"ok"})");
  const json models = json::parse(models_answer(model()));
  EXPECT_EQ(models["object"], "list");
  EXPECT_EQ(models["data"][0]["id"], "tiny");
  EXPECT_EQ(models["data"][0]["meta"]["n_ctx"], 256);
  EXPECT_EQ(models["data"][0]["meta"]["sha256"], "aa");
  EXPECT_EQ(events(stream_error({ErrorKind::internal, "broken", "", ""}))[0]["error"]["message"], "broken");
}

}  // namespace
}  // namespace blindbox::completion
