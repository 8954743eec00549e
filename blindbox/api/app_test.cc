// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <sstream>

#include "blindbox/api/testing/scripted.h"
#include "blindbox/base/file.h"
#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::api {
namespace {

using completion::StopReason;
using nlohmann::json;
using testing::Bench;
using testing::get;
using ::testing::HasSubstr;
using testing::Heard;
using ::testing::Not;
using testing::post;
using testing::Sink;

constexpr const char* kHole = R"({"input_prefix":"a","input_suffix":"","stop_rules":[]})";
constexpr const char* kStreamedHole = R"({"input_prefix":"a","input_suffix":"","stop_rules":[],"stream":true})";

http::Request with(http::Request request, std::string field, std::string value) {
  request.fields.emplace_back(std::move(field), std::move(value));
  return request;
}

TEST(App, UnknownPathsAndMethodsInTheShapeOfWhoeverAsked) {
  const Bench bench;
  const Heard unknown = bench.ask(post("/nothing", "{}"));
  EXPECT_EQ(unknown.status, 404U);
  EXPECT_THAT(unknown.body()["error"]["message"], HasSubstr("POST /infill"));
  EXPECT_TRUE(bench.answer(get("/api/nothing"))["error"].is_string());
  const Heard method = bench.ask(get("/infill"));
  EXPECT_EQ(method.status, 405U);
  EXPECT_EQ(method.response->fields[0], (std::pair<std::string, std::string>("Allow", "POST")));
  EXPECT_EQ(bench.ask({"PUT", "/v1/health", {}, ""}).response->fields[0].second, "GET, POST");
  EXPECT_EQ(bench.ask({"HEAD", "/health", {}, ""}).status, 200U);
}

TEST(App, WhatOtherServersOfferIsRefusedByName) {
  const Bench bench;
  for (const char* path : {"/embedding", "/v1/embeddings", "/v1/responses", "/v1/messages", "/rerank"}) {
    const Heard heard = bench.ask(post(path, "{}"));
    EXPECT_EQ(heard.status, 501U) << path;
    EXPECT_EQ(heard.body()["error"]["type"], "not_supported_error") << path;
  }
  const Heard pull = bench.ask(post("/api/pull", "{}"));
  EXPECT_EQ(pull.status, 501U);
  EXPECT_THAT(pull.body()["error"], HasSubstr("models are not loaded by request"));
  EXPECT_EQ(bench.ask({"DELETE", "/api/delete", {}, "{}"}).status, 501U);
}

TEST(App, CompressedRequestsAreNotTaken) {
  const Bench bench;
  const Heard heard = bench.ask(with(post("/infill", kHole), "Content-Encoding", "gzip"));
  EXPECT_EQ(heard.status, 415U);
  EXPECT_THAT(heard.body()["error"]["message"], HasSubstr("compressed"));
  EXPECT_EQ(bench.ask(with(post("/infill", kHole), "Content-Encoding", "Identity")).status, 200U);
}

TEST(App, TheRootSaysThatItRunsAndNothingElse) {
  const Bench bench;
  const Heard heard = bench.ask(get("/"));
  EXPECT_EQ(heard.status, 200U);
  EXPECT_EQ(heard.response->content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(heard.response->body, "BlindBox is running\n");
  EXPECT_EQ(bench.ask({"HEAD", "/", {}, ""}).status, 200U);
  EXPECT_EQ(bench.ask({"PUT", "/", {}, ""}).response->fields[0].second, "GET, POST");
}

TEST(App, EngineErrorsBecomeStatusesEvenForStreams) {
  const Bench bench;
  bench.scripted->error = Error{ErrorKind::limit, "the prompt is longer than the model's context", "65 tokens, 64", ""};
  Heard heard = bench.ask(post("/infill", kStreamedHole));
  EXPECT_EQ(heard.status, 400U);
  EXPECT_EQ(heard.body()["error"]["type"], "exceed_context_size_error");
  EXPECT_THAT(heard.response->body, HasSubstr("65 tokens, 64"));
  bench.scripted->error = Error{ErrorKind::limit, "the queue is full", "", "try again"};
  heard = bench.ask(post("/infill", kHole));
  EXPECT_EQ(heard.status, 503U);
  EXPECT_EQ(heard.response->fields[0].first, "Retry-After");
  bench.scripted->error->kind = ErrorKind::model;
  EXPECT_EQ(bench.ask(post("/infill", kHole)).status, 501U);
  bench.scripted->error->kind = ErrorKind::internal;
  EXPECT_EQ(bench.ask(post("/infill", kHole)).status, 500U);
}

TEST(App, AnErrorBehindTheFirstTextIsAnEvent) {
  const Bench bench;
  bench.scripted->error = Error{ErrorKind::internal, "the engine failed", "", ""};
  bench.scripted->fail_late = true;
  const Heard heard = bench.ask(post("/infill", kStreamedHole));
  EXPECT_EQ(heard.status, 200U);
  EXPECT_TRUE(heard.ended);
  EXPECT_THAT(heard.streamed, HasSubstr(R"({"error":)"));
  EXPECT_THAT(heard.streamed, Not(HasSubstr(R"("stop":true)")));
  const Heard ollama = bench.ask(post("/api/generate", R"({"prompt":"a"})"));
  EXPECT_EQ(ollama.events().back(), json({{"error", "the engine failed"}}));
}

TEST(App, HalfATextNeverPassesForAWholeOne) {
  const Bench bench;
  bench.scripted->reason = StopReason::cancelled;
  EXPECT_EQ(bench.ask(post("/infill", kHole)).status, 503U);
  Sink sink;
  sink.writes_left = 1;
  bench.scripted->reason = StopReason::eos;
  bench.scripted->pieces = std::vector<std::string>(50, "x");
  bench.app->handle(post("/infill", kStreamedHole), sink, {});
  EXPECT_THAT(sink.streamed, Not(HasSubstr(R"("stop":true)")));
}

TEST(App, ARuleStopsTheEngineAndTheAnswerIsWhole) {
  const Bench bench;
  bench.scripted->pieces = {"a", ")", "\nmore", "never"};
  for (const bool stream : {false, true}) {
    json body = {{"input_prefix", "f("}, {"input_suffix", ")\n"}, {"stream", stream}};
    const Heard heard = bench.ask(post("/infill", body.dump()));
    const json last = stream ? heard.events().back() : heard.body();
    EXPECT_EQ(last["tokens_predicted"], 2);
    EXPECT_EQ(last["stop_type"], "limit");
    EXPECT_EQ(last["stop_rule"], "closers");
    std::string text = stream ? "" : last["content"];
    if (stream) {
      for (const json& event : heard.events()) text += event["content"].get<std::string>();
    }
    EXPECT_EQ(text, "a");
  }
  EXPECT_EQ(bench.answer(post("/v1/completions", R"({"prompt":"f(","suffix":")\n"})"))["choices"][0]["finish_reason"],
            "stop");
}

TEST(App, TenantsWithoutAKeyFile) {
  AppSettings settings;
  settings.connection_field = "Front-Connection";
  const Bench bench(settings);
  const auto tenant = [&](http::Request request) { return bench.reached(request).tenant; };
  const http::Request plain = post("/infill", kHole);
  const std::string one = tenant(with(plain, "front-connection", "1"));
  EXPECT_NE(one, tenant(with(plain, "Front-Connection", "2")));
  const std::string key = tenant(with(with(plain, "Front-Connection", "1"), "authorization", "Bearer k1"));
  EXPECT_EQ(key, tenant(with(with(plain, "Front-Connection", "2"), "Authorization", "Bearer k1")));
  EXPECT_NE(key, tenant(with(plain, "X-API-Key", "k2")));
  EXPECT_NE(tenant(with(plain, "Api-Key", "k3")), tenant(with(plain, "Api-Key", "k2")));
  EXPECT_NE(key, one);
  EXPECT_THAT(key, Not(HasSubstr("k1")));
  EXPECT_EQ(tenant(plain), "");
}

// A key file in a folder of its own.
class Keyed : public ::testing::Test {
 protected:
  Keyed() {
    folder_ = ::testing::TempDir() + "blindbox-app-XXXXXX";
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    alice = keys::make_key("alice", "").value();
    alice.key.limits.requests_per_minute = 2;
    operators = keys::make_key("operators", "").value();
    operators.key.metrics = true;
    EXPECT_TRUE(keys::save_key_file(folder_ + "/keys.yml", {{alice.key, operators.key}}));
    AppSettings settings;
    settings.keys = keys::KeyRing::open(folder_ + "/keys.yml").value();
    bench.emplace(std::move(settings));
  }
  ~Keyed() override { std::filesystem::remove_all(folder_); }

  keys::NewKey alice;
  keys::NewKey operators;
  std::optional<Bench> bench;

 private:
  std::string folder_;
};

TEST_F(Keyed, WithoutAKeyOnlyHealthAndModels) {
  for (const Route& route : routes()) {
    const http::Request request{std::string(route.method),
                                std::string(route.path) + (route.match == Route::Match::beginning ? "x" : ""),
                                {},
                                "{}"};
    const unsigned status = bench->ask(request).status;
    if (route.open) {
      EXPECT_EQ(status, 200U) << route.path;
    } else {
      EXPECT_EQ(status, 401U) << route.path;
      EXPECT_EQ(bench->ask(with(request, "Authorization", "Bearer wrong")).status, 401U) << route.path;
    }
  }
  EXPECT_TRUE(bench->scripted->seen.empty());
  EXPECT_EQ(bench->answer(post("/infill", kHole))["error"]["type"], "authentication_error");
  EXPECT_EQ(bench->answer(post("/generate_stream", "{}"))["error_type"], "validation");
}

TEST_F(Keyed, KeysNameTheTenantAndItsLimits) {
  const http::Request request = post("/infill", kHole);
  EXPECT_EQ(bench->reached(with(request, "Authorization", "bearer " + alice.secret)).tenant, "tenant alice");
  EXPECT_EQ(bench->reached(with(request, "Api-Key", alice.secret)).tenant, "tenant alice");
  const Heard third = bench->ask(with(request, "X-Api-Key", alice.secret));
  EXPECT_EQ(third.status, 429U);
  EXPECT_EQ(third.body()["error"]["type"], "rate_limit_error");
  ASSERT_FALSE(third.response->fields.empty());
  EXPECT_EQ(third.response->fields[0].first, "Retry-After");
  EXPECT_GE(std::stoi(third.response->fields[0].second), 1);
  EXPECT_EQ(bench->ask(with(request, "X-Api-Key", operators.secret)).status, 200U);
}

// What works for a caller without making tokens is a request like any other.
TEST_F(Keyed, TokenizingCountsAgainstTheLimits) {
  const std::pair<const char*, const char*> asked[] = {{"/tokenize", R"({"content":"a"})"},
                                                       {"/detokenize", R"({"tokens":[1]})"},
                                                       {"/apply-template", R"({"messages":[]})"},
                                                       {"/infill", kHole}};
  for (const auto& [path, body] : asked) {
    const Heard heard = bench->ask(with(post(path, body), "X-Api-Key", alice.secret));
    if (path == asked[0].first || path == asked[1].first) {
      EXPECT_EQ(heard.status, 200U) << path;
    } else {  // two a minute are hers
      EXPECT_EQ(heard.status, 429U) << path;
      EXPECT_EQ(heard.response->fields[0].first, "Retry-After") << path;
    }
  }
  EXPECT_EQ(bench->ask(with(get("/props"), "X-Api-Key", alice.secret)).status, 200U);
  EXPECT_EQ(bench->ask(with(post("/tokenize", R"({"content":"a"})"), "X-Api-Key", operators.secret)).status, 200U);
}

TEST_F(Keyed, MetricsAreForTheOperator) {
  EXPECT_EQ(bench->ask(with(get("/metrics"), "X-Api-Key", alice.secret)).status, 403U);
  const Heard heard = bench->ask(with(get("/metrics"), "X-Api-Key", operators.secret));
  EXPECT_EQ(heard.status, 200U);
  EXPECT_THAT(heard.response->content_type, HasSubstr("version=0.0.4"));
  EXPECT_THAT(heard.response->body, HasSubstr("# TYPE blindbox_requests_total counter"));
  EXPECT_THAT(heard.response->body, Not(HasSubstr("alice")));
  EXPECT_EQ(Bench().ask(get("/metrics")).status, 403U);
}

TEST_F(Keyed, OnesOwnCacheAndNobodyElses) {
  const Heard seen = bench->ask(with(get("/cache"), "X-Api-Key", alice.secret));
  EXPECT_EQ(seen.body()["tokens"], std::string("tenant alice").size());
  EXPECT_EQ(bench->ask(with({"DELETE", "/cache", {}, ""}, "X-Api-Key", alice.secret)).status, 200U);
  EXPECT_EQ(bench->scripted->forgotten, std::vector<std::string>{"tenant alice"});
}

TEST(App, DrainingBeginsNothingNew) {
  const Bench bench;
  EXPECT_EQ(bench.ask(get("/ready")).status, 200U);
  bench.app->drain();
  EXPECT_EQ(bench.ask(get("/ready")).status, 503U);
  EXPECT_EQ(bench.ask(get("/health")).status, 200U);
  const Heard heard = bench.ask(post("/infill", kHole));
  EXPECT_EQ(heard.status, 503U);
  EXPECT_EQ(heard.response->fields[0].first, "Retry-After");
  EXPECT_TRUE(bench.scripted->seen.empty());
}

// Whatever is logged, at every level: no code, no key, no path that a client made up.
TEST_F(Keyed, LogsHoldNoCode) {
  std::ostringstream out;
  const auto before = spdlog::default_logger();
  const auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  logger->set_level(spdlog::level::trace);
  spdlog::set_default_logger(logger);
  const Bench open({}, true);
  open.scripted->pieces = {"SECRET"};
  const std::string quoted = R"("SECRET code")";
  for (const std::string& body :
       {R"({"input_prefix":)" + quoted + R"(,"input_suffix":)" + quoted + "}", R"({"prompt":)" + quoted + "}",
        R"({"inputs":)" + quoted + "}", R"({"messages":[{"role":"user","content":)" + quoted + "}]}", quoted,
        std::string("SECRET")}) {
    for (const Route& route : routes()) {
      const http::Request request{std::string(route.method), std::string(route.path) + "?SECRET", {}, body};
      (void)open.ask(request);
      (void)bench->ask(with(request, "X-Api-Key", "SECRET"));
      (void)bench->ask(with(request, "Authorization", "Bearer " + alice.secret));
    }
  }
  (void)open.ask(post("/SECRET", "{}"));
  spdlog::set_default_logger(before);
  EXPECT_THAT(out.str(), HasSubstr(R"({"event":"request","protocol":"llama.cpp","path":"/infill","status":200)"));
  EXPECT_THAT(out.str(), Not(HasSubstr("SECRET")));
  EXPECT_THAT(out.str(), Not(HasSubstr(alice.secret)));
}

TEST(App, OverARealEngine) {
  const completion::testing::TemporaryFile file(completion::testing::make_tiny_model({}));
  completion::ModelSource source;
  source.path = file.path();
  source.threads = 1;
  auto engine = completion::Engine::load(source);
  ASSERT_TRUE(engine);
  App app(std::move(*engine));
  Sink sink;
  app.handler()(post("/infill", R"({"input_prefix":"a = ","input_suffix":"\n","n_predict":8,"stop_rules":[],
        "input_extra":[{"filename":"b.py","text":"b = 1\n"}]})"),
                sink, {});
  const json answer = sink.body();
  EXPECT_EQ(answer["tokens_predicted"], 8);
  EXPECT_EQ(answer["model"], "tiny test model");
  EXPECT_EQ(answer["stop_type"], "limit");
  EXPECT_EQ(answer["tokens_evaluated"], 3 + 4 + 1 + 13);
  Sink chat;
  app.handler()(post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"a"}]})"), chat, {});
  EXPECT_EQ(chat.status, 501U);  // it has no template, and says so
}

}  // namespace
}  // namespace blindbox::api
