// SPDX-License-Identifier: Apache-2.0
// A model whose text is written in the test, and a client that keeps what it is answered.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/api/app.h"

namespace blindbox::api::testing {

class Scripted : public completion::Generator {
 public:
  completion::ModelInfo model;
  std::vector<std::string> pieces = {"one", "\ntwo"};
  std::optional<Error> error;
  bool fail_late = false;  // the error comes behind the text, not instead of it
  bool has_template = false;
  completion::StopReason reason = completion::StopReason::eos;
  std::vector<completion::Request> seen;
  mutable std::mutex mutex;
  completion::EngineStatus now;
  std::vector<std::string> forgotten;

  Scripted() {
    model.name = "scripted";
    model.architecture = "starcoder";
    model.context_length = 64;
    model.fim.emplace();
    model.fim->prefix = 1;
    model.fim->suffix = 2;
    model.fim->middle = 3;
    now.slots = 4;
    now.queue_limit = 64;
  }

  const completion::ModelInfo& info() const override { return model; }
  Result<completion::Outcome> generate(const completion::Request& request, completion::Listener& listener,
                                       std::stop_token stop) override {
    {
      const std::scoped_lock lock(mutex);
      seen.push_back(request);
    }
    completion::Outcome outcome;
    outcome.reason = reason;
    if (error && !fail_late) return tl::unexpected<Error>(*error);
    outcome.prompt_tokens = 7;
    outcome.cached_tokens = 5;
    outcome.evaluated_tokens = 2;
    listener.on_prompt(7, 7);
    for (const std::string& piece : pieces) {
      if (outcome.generated_tokens == request.max_tokens) break;
      if (request.top_log_probabilities > 0) {
        listener.on_likeliest({{static_cast<completion::Token>(outcome.generated_tokens), -0.5F}});
      }
      listener.on_token(static_cast<completion::Token>(outcome.generated_tokens), -0.5F);
      ++outcome.generated_tokens;
      if (stop.stop_requested() || !listener.on_text(piece)) {
        outcome.reason = completion::StopReason::cancelled;
        return outcome;
      }
    }
    if (error) return tl::unexpected<Error>(*error);
    return outcome;
  }
  // A token a byte, as the byte says; those of generate() are the places in pieces.
  Result<completion::Tokens> tokenize(std::string_view text, bool, bool add_bos) const override {
    completion::Tokens out;
    if (add_bos) out.push_back(256);
    for (const char c : text) out.push_back(static_cast<unsigned char>(c));
    return out;
  }
  Result<std::string> detokenize(const completion::Tokens& tokens) const override {
    std::string out;
    for (const completion::Token token : tokens) {
      const auto at = static_cast<std::size_t>(token);
      out += at < pieces.size() ? pieces[at] : std::string(1, static_cast<char>(token));
    }
    return out;
  }
  Result<std::string> chat_text(const std::vector<completion::ChatMessage>& messages) const override {
    if (!has_template) return base::fail(ErrorKind::model, "this model cannot answer messages");
    std::string out;
    for (const auto& message : messages) out += "[" + message.role + "]" + message.content;
    return out;
  }
  completion::EngineStatus status() const override { return now; }
  completion::CacheUsage cache_usage(std::string_view tenant) const override {
    completion::CacheUsage usage;
    usage.tokens = tenant.size();
    return usage;
  }
  void forget(std::string_view tenant) override { forgotten.emplace_back(tenant); }
};

struct Heard {
  std::optional<http::Response> response;
  std::string streamed;
  std::string stream_type;
  unsigned status = 0;
  bool ended = false;
  [[nodiscard]] nlohmann::json body() const {
    return response ? nlohmann::json::parse(response->body, nullptr, false) : nlohmann::json();
  }
  // The values of the stream's events, or of its lines where they are no events.
  [[nodiscard]] std::vector<nlohmann::json> events() const {
    std::vector<nlohmann::json> out;
    std::size_t at = 0;
    while (at < streamed.size()) {
      const std::size_t end = std::min(streamed.find('\n', at), streamed.size());
      std::string line = streamed.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("data:")) line.erase(0, line.starts_with("data: ") ? 6 : 5);
      if (!line.empty() && line != "[DONE]") out.push_back(nlohmann::json::parse(line, nullptr, false));
    }
    return out;
  }
};

struct Sink : http::ResponseSink, Heard {
  int writes_left = 1000;

  void respond(http::Response given) override {
    response = std::move(given);
    status = response->status;
  }
  void begin_stream(unsigned code, std::string content_type) override {
    status = code;
    stream_type = std::move(content_type);
  }
  bool write(std::string chunk) override {
    if (writes_left-- <= 0) return false;
    streamed += chunk;
    return true;
  }
  void end() override { ended = true; }
};

inline http::Request post(std::string target, std::string body) {
  return {"POST", std::move(target), {}, std::move(body)};
}
inline http::Request get(std::string target) { return {"GET", std::move(target), {}, ""}; }

// An App over a Scripted model.
class Bench {
 public:
  explicit Bench(AppSettings settings = {}, bool chat = false) {
    auto generator = std::make_unique<Scripted>();
    generator->has_template = chat;
    scripted = generator.get();
    app = std::make_unique<App>(std::move(generator), std::move(settings));
  }
  Heard ask(const http::Request& request) const {
    Sink sink;
    app->handle(request, sink, {});
    return sink;
  }
  [[nodiscard]] nlohmann::json answer(const http::Request& request) const { return ask(request).body(); }
  // The one request that reached the model by this.
  completion::Request reached(const http::Request& request) const {
    scripted->seen.clear();
    (void)ask(request);
    return scripted->seen.empty() ? completion::Request{} : scripted->seen.back();
  }

  Scripted* scripted;
  std::unique_ptr<App> app;
};

}  // namespace blindbox::api::testing
