// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::completion {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// A model whose text is written in the test.
class Scripted : public Generator {
 public:
  ModelInfo model;
  std::vector<std::string> pieces = {"one", "\ntwo"};
  std::optional<Error> error;
  bool fail_late = false;  // the error comes behind the text, not instead of it
  std::promise<void>* entered = nullptr;
  std::vector<Request> seen;

  const ModelInfo& info() const override { return model; }
  Result<Outcome> generate(const Request& request, Listener& listener, std::stop_token stop) override {
    seen.push_back(request);
    if (entered != nullptr) {
      std::exchange(entered, nullptr)->set_value();
      std::promise<void> asked;
      const std::stop_callback on_stop(stop, [&asked] { asked.set_value(); });
      asked.get_future().wait();
    }
    Outcome outcome;
    if (error && !fail_late) return tl::unexpected<Error>(*error);
    for (const std::string& piece : pieces) {
      if (stop.stop_requested() || !listener.on_text(piece)) {
        outcome.reason = StopReason::cancelled;
        return outcome;
      }
      ++outcome.generated_tokens;
    }
    if (error) return tl::unexpected<Error>(*error);
    return outcome;
  }
  Result<Tokens> tokenize(std::string_view text, bool /*special*/, bool /*add_bos*/) const override {
    return Tokens(text.begin(), text.end());
  }
  Result<std::string> detokenize(const Tokens& tokens) const override {
    std::string text;
    for (const Token token : tokens) text += static_cast<char>(token);
    return text;
  }
  Result<std::string> chat_text(const std::vector<ChatMessage>& messages) const override {
    std::string text;
    for (const ChatMessage& message : messages) text += message.role + ": " + message.content + "\n";
    return text;
  }
  EngineStatus status() const override { return {}; }
  CacheUsage cache_usage(std::string_view /*tenant*/) const override { return {}; }
  void forget(std::string_view /*tenant*/) override {}
};

struct Heard {
  std::optional<http::Response> response;
  std::string streamed;
  unsigned status = 0;
  bool ended = false;
};

struct Sink : http::ResponseSink, Heard {
  int writes_left = 1000;

  void respond(http::Response given) override {
    EXPECT_FALSE(response);
    response = std::move(given);
    status = response->status;
  }
  void begin_stream(unsigned code, std::string content_type) override {
    EXPECT_EQ(status, 0U);
    EXPECT_EQ(content_type, "text/event-stream");
    status = code;
  }
  bool write(std::string chunk) override {
    if (writes_left-- <= 0) return false;
    streamed += chunk;
    return true;
  }
  void end() override { ended = true; }
};

http::Request post(std::string target, std::string body) { return {"POST", std::move(target), {}, std::move(body)}; }

constexpr const char* kHole = R"({"input_prefix":"a","input_suffix":"b"})";
constexpr const char* kStreamedHole = R"({"input_prefix":"a","input_suffix":"b","stream":true})";

class AppTest : public ::testing::Test {
 protected:
  AppTest() {
    auto generator = std::make_unique<Scripted>();
    scripted = generator.get();
    app = std::make_unique<App>(std::move(generator));
  }
  Heard ask(const http::Request& request) {
    Sink sink;
    app->handle(request, sink, {});
    return sink;
  }
  json answer(const http::Request& request) {
    const Heard sink = ask(request);
    return sink.response ? json::parse(sink.response->body) : json();
  }

  Scripted* scripted;
  std::unique_ptr<App> app;
};

TEST_F(AppTest, EveryProtocolAnswersInItsOwnShape) {
  EXPECT_EQ(answer(post("/infill", kHole))["content"], "one\ntwo");
  EXPECT_EQ(answer(post("/v1/completions?x=1", R"({"prompt":"a","suffix":"b"})"))["choices"][0]["text"], "one\ntwo");
  EXPECT_EQ(answer(post("/generate", R"({"input_text":"a"})"))["text"], "aone\ntwo");
  EXPECT_EQ(answer({"GET", "/health", {}, ""})["status"], "ok");
  EXPECT_EQ(answer({"GET", "/v1/models", {}, ""})["object"], "list");
}

TEST_F(AppTest, Streams) {
  const Heard infill = ask(post("/infill", kStreamedHole));
  EXPECT_EQ(infill.status, 200U);
  EXPECT_TRUE(infill.ended);
  EXPECT_THAT(infill.streamed, HasSubstr(R"("content":"one")"));
  EXPECT_THAT(infill.streamed, HasSubstr(R"("stop":true)"));
  EXPECT_THAT(infill.streamed, ::testing::Not(HasSubstr("[DONE]")));
  EXPECT_THAT(ask(post("/v1/completions", R"({"prompt":"a","stream":true})")).streamed, EndsWith("data: [DONE]\n\n"));
}

TEST_F(AppTest, ErrorsInTheShapeOfWhoeverAsked) {
  const json infill = answer(post("/infill", "{"));
  EXPECT_EQ(infill["error"]["code"], 400);
  EXPECT_EQ(infill["error"]["type"], "invalid_request_error");
  const Heard generate = ask(post("/generate", R"({"input_text":1})"));
  EXPECT_EQ(generate.status, 400U);
  EXPECT_EQ(json::parse(generate.response->body)["detail"], "\"input_text\" must be a string");
  EXPECT_EQ(ask(post("/nothing", "{}")).status, 404U);
  const Heard method = ask({"GET", "/infill", {}, ""});
  EXPECT_EQ(method.status, 405U);
  EXPECT_EQ(method.response->fields[0], (std::pair<std::string, std::string>("Allow", "POST")));
}

TEST_F(AppTest, EngineErrorsBecomeStatusesEvenForStreams) {
  scripted->error = Error{ErrorKind::limit, "the prompt is longer than the model's context", "65 tokens, 64", ""};
  const Heard sink = ask(post("/infill", kStreamedHole));
  EXPECT_EQ(sink.status, 400U);
  EXPECT_THAT(sink.response->body, HasSubstr("exceed_context_size_error"));
  EXPECT_THAT(sink.response->body, HasSubstr("65 tokens, 64"));
  scripted->error->kind = ErrorKind::model;
  EXPECT_EQ(ask(post("/infill", kHole)).status, 501U);
  scripted->error->kind = ErrorKind::internal;
  EXPECT_EQ(ask(post("/infill", kHole)).status, 500U);
}

TEST_F(AppTest, AnErrorBehindTheFirstTextIsAnEvent) {
  scripted->error = Error{ErrorKind::internal, "the engine failed", "", ""};
  scripted->fail_late = true;
  const Heard sink = ask(post("/infill", kStreamedHole));
  EXPECT_EQ(sink.status, 200U);
  EXPECT_TRUE(sink.ended);
  EXPECT_THAT(sink.streamed, HasSubstr(R"({"error":)"));
  EXPECT_THAT(sink.streamed, ::testing::Not(HasSubstr(R"("stop":true)")));
}

TEST_F(AppTest, AClientThatStopsReadingCancels) {
  Sink sink;
  sink.writes_left = 1;
  scripted->pieces = std::vector<std::string>(50, "x");
  app->handle(post("/infill", kStreamedHole), sink, {});
  EXPECT_THAT(sink.streamed, ::testing::Not(HasSubstr(R"("stop":true)")));
}

TEST_F(AppTest, TenantsByApiKey) {
  http::Request request = post("/infill", kHole);
  ask(request);
  request.fields = {{"authorization", "Bearer k1"}};
  ask(request);
  request.fields = {{"X-API-Key", "k2"}};
  ask(request);
  request.fields = {{"Authorization", "Bearer k1"}};
  ask(request);
  ASSERT_EQ(scripted->seen.size(), 4U);
  EXPECT_EQ(scripted->seen[0].tenant, "");
  EXPECT_NE(scripted->seen[1].tenant, "");
  EXPECT_NE(scripted->seen[1].tenant, scripted->seen[2].tenant);
  EXPECT_EQ(scripted->seen[1].tenant, scripted->seen[3].tenant);
  EXPECT_THAT(scripted->seen[1].tenant, ::testing::Not(HasSubstr("k1")));
  EXPECT_TRUE(scripted->seen[0].deadline);
}

TEST(App, WithoutAKeyEachConnectionIsATenant) {
  auto generator = std::make_unique<Scripted>();
  const Scripted& scripted = *generator;
  AppSettings settings;
  settings.connection_field = "Front-Connection";
  App app(std::move(generator), settings);
  const auto ask_with = [&](std::vector<std::pair<std::string, std::string>> fields) {
    http::Request request = post("/infill", kHole);
    request.fields = std::move(fields);
    Sink sink;
    app.handle(request, sink, {});
  };
  ask_with({{"front-connection", "1"}});
  ask_with({{"Front-Connection", "2"}});
  ask_with({{"Front-Connection", "1"}, {"Authorization", "Bearer k"}});
  ask_with({{"Front-Connection", "2"}, {"Authorization", "Bearer k"}});
  ASSERT_EQ(scripted.seen.size(), 4U);
  EXPECT_NE(scripted.seen[0].tenant, scripted.seen[1].tenant);
  EXPECT_EQ(scripted.seen[2].tenant, scripted.seen[3].tenant);
  EXPECT_NE(scripted.seen[0].tenant, scripted.seen[2].tenant);
}

TEST_F(AppTest, AFullQueueIs503) {
  scripted->error = Error{ErrorKind::limit, "too many requests are waiting", "64 in the queue", "ask again later"};
  const Heard full = ask(post("/infill", kHole));
  EXPECT_EQ(full.status, 503U);
  EXPECT_EQ(full.response->fields[0].first, "Retry-After");
}

TEST(App, AStopEndsWhatRuns) {
  auto generator = std::make_unique<Scripted>();
  std::promise<void> entered;
  generator->entered = &entered;
  App app(std::move(generator));
  std::stop_source stop;
  Sink first;
  std::jthread busy([&] { app.handle(post("/infill", kHole), first, stop.get_token()); });
  entered.get_future().wait();
  Sink health;
  app.handle({"GET", "/health", {}, ""}, health, {});  // waits for nobody
  EXPECT_EQ(health.status, 200U);
  stop.request_stop();
  busy.join();
  EXPECT_EQ(first.status, 503U);  // half a text never passes for a whole one
}

TEST(App, OverARealEngine) {
  const testing::TemporaryFile file(testing::make_tiny_model({}));
  ModelSource source;
  source.path = file.path();
  source.threads = 1;
  auto engine = Engine::load(source);
  ASSERT_TRUE(engine);
  App app(std::move(*engine));
  Sink sink;
  app.handler()(post("/infill", R"({"input_prefix":"a = ","input_suffix":"\n","n_predict":8})"), sink, {});
  const json answer = json::parse(sink.response->body);
  EXPECT_EQ(answer["tokens_predicted"], 8);
  EXPECT_EQ(answer["model"], "tiny test model");
  EXPECT_EQ(answer["stop_type"], "limit");
}

}  // namespace
}  // namespace blindbox::completion
