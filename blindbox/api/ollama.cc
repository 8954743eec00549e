// SPDX-License-Identifier: Apache-2.0
// Ollama's docs/api.md: /api/generate and /api/chat. Streams are lines of JSON, and streaming is the default.
#include "blindbox/api/internal/common.h"
#include "blindbox/api/protocols.h"
#include "blindbox/api/raw_prompt.h"
#include "blindbox/base/clock.h"

namespace blindbox::api {
namespace {

using namespace internal;
using completion::Request;

std::int64_t nanoseconds(double milliseconds) { return static_cast<std::int64_t>(milliseconds * 1e6); }

class OllamaWriter final : public Writer {
 public:
  explicit OllamaWriter(bool chat, bool unload = false) : chat_(chat), unload_(unload) {}

  std::string whole(const About& about, const std::vector<Said>& said) const override {
    return compact(last(about, said[0], said[0].text));
  }
  const char* stream_type() const override { return "application/x-ndjson"; }
  std::string piece(const About& about, const Piece& piece) override {
    return compact(object(about, piece.text, false)) + "\n";
  }
  std::string choice_end(const About& about, std::size_t, const Said& said) override {
    return compact(last(about, said, "")) + "\n";
  }

 private:
  [[nodiscard]] ordered_json object(const About& about, std::string_view text, bool done) const {
    ordered_json out = {{"model", about.model.name}, {"created_at", base::to_iso8601(base::now())}};
    if (chat_) {
      out["message"] = {{"role", "assistant"}, {"content", text}};
    } else {
      out["response"] = text;
    }
    out["done"] = done;
    return out;
  }
  [[nodiscard]] ordered_json last(const About& about, const Said& said, std::string_view text) const {
    ordered_json out = object(about, text, true);
    const completion::Outcome& outcome = said.outcome;
    const bool only_loaded = about.call.requests[0].max_tokens == 0;
    out["done_reason"] = !only_loaded ? stop_or_length(said) : unload_ ? "unload" : "load";
    if (!chat_) out["context"] = ordered_json::array();
    out["total_duration"] = nanoseconds(outcome.timings.prompt_ms + outcome.timings.predicted_ms);
    out["load_duration"] = 0;
    out["prompt_eval_count"] = outcome.prompt_tokens;
    out["prompt_eval_duration"] = nanoseconds(outcome.timings.prompt_ms);
    out["eval_count"] = outcome.generated_tokens;
    out["eval_duration"] = nanoseconds(outcome.timings.predicted_ms);
    return out;
  }

  bool chat_;
  bool unload_;
};

// A request with nothing to answer loads the model, or unloads it with "keep_alive": 0. Here it stays; clients get the
// answer that they wait for.
bool wants_unload(const Fields& fields) {
  const nlohmann::json& time = fields.get("keep_alive");
  return (time.is_number() && time == 0) || time == "0" || time == "0s" || time == "0m";
}

void only_load(Request& request) {
  request.max_tokens = 0;
  request.prefix.assign(1, '\n');
}

void take_options(Fields& fields, bool hole, const ModelFacts& model, Request& request) {
  Fields options = fields.nested("options");
  take_sampling(options, hole ? 0 : 0.8, request);
  request.max_tokens = take_tokens(options, "num_predict", hole ? 128 : -1);
  // As Ollama does: a prompt that is too long loses its beginning.
  const unsigned context = model.info.context_length;
  if (!hole) request.keep_tokens = context - std::min(request.max_tokens, context / 2) - 1;
  fields.absorb(options);
}

}  // namespace

Result<Call> parse_ollama_generate(std::string_view json, const ModelFacts& model) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  Request& request = call.requests.emplace_back();
  request.prefix = fields->text("prompt");
  const std::string system = fields->text("system");
  bool hole = fields->has("suffix") && !fields->text("suffix").empty();
  const bool raw = fields->flag("raw", false);
  const bool nothing = request.prefix.empty() && !hole;  // how clients load a model
  if (hole) {
    request.suffix = fields->text("suffix");
  } else {
    hole = take_raw_prompt(request);
  }
  if (!hole && !raw && !nothing && model.chat) {
    if (!system.empty()) request.chat.push_back({"system", system});
    request.chat.push_back({"user", std::exchange(request.prefix, {})});
  }
  refuse_unsupported(*fields, {"images", "format"});
  take_options(*fields, hole, model, request);
  if (nothing) only_load(request);
  take_rules(*fields, hole, call);
  call.stream = fields->flag("stream", true);
  call.writer = std::make_unique<OllamaWriter>(false, wants_unload(*fields));
  return finished(*fields, std::move(call));
}

Result<Call> parse_ollama_chat(std::string_view json, const ModelFacts& model) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  Request& request = call.requests.emplace_back();
  const bool nothing = !fields->has("messages") || fields->get("messages").empty();
  if (!nothing) request.chat = take_messages(*fields);
  refuse_unsupported(*fields, {"tools", "format"});
  take_options(*fields, false, model, request);
  if (nothing) only_load(request);
  take_rules(*fields, false, call);
  call.stream = fields->flag("stream", true);
  call.writer = std::make_unique<OllamaWriter>(true, wants_unload(*fields));
  return finished(*fields, std::move(call));
}

}  // namespace blindbox::api
