// SPDX-License-Identifier: Apache-2.0
// "Create chat completion" of OpenAI's API reference.
#include "blindbox/api/internal/common.h"
#include "blindbox/api/protocols.h"

namespace blindbox::api {
namespace {

using namespace internal;

ordered_json token_probability(const std::string& text, float log_probability) {
  ordered_json bytes = ordered_json::array();
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return {{"token", text}, {"logprob", log_probability}, {"bytes", bytes}};
}

ordered_json log_probabilities(const std::vector<SaidToken>& tokens) {
  ordered_json content = ordered_json::array();
  for (const SaidToken& token : tokens) {
    ordered_json one = token_probability(token.text, token.log_probability);
    ordered_json top = ordered_json::array();
    for (std::size_t i = 0; i < token.likeliest.size(); ++i) {
      top.push_back(token_probability(token.likeliest_texts[i], token.likeliest[i].log_probability));
    }
    one["top_logprobs"] = std::move(top);
    content.push_back(std::move(one));
  }
  return {{"content", content}, {"refusal", nullptr}};
}

class ChatWriter final : public Writer {
 public:
  bool include_usage = false;
  bool log_probabilities_wanted = false;

  std::string whole(const About& about, const std::vector<Said>& said) const override {
    ordered_json choices = ordered_json::array();
    for (std::size_t i = 0; i < said.size(); ++i) {
      choices.push_back({{"index", i},
                         {"message", {{"role", "assistant"}, {"content", said[i].text}, {"refusal", nullptr}}},
                         {"logprobs", log_probabilities_wanted ? log_probabilities(said[i].tokens) : ordered_json()},
                         {"finish_reason", stop_or_length(said[i])}});
    }
    ordered_json out = envelope(about, "chat.completion", std::move(choices));
    out["usage"] = usage(about, said);
    return compact(out);
  }

  std::string begin(const About& about) override {
    std::string out;
    for (std::size_t i = 0; i < about.call.requests.size(); ++i) {
      out += event(chunk(about, i, {{"role", "assistant"}, {"content", ""}}, nullptr));
    }
    return out;
  }
  std::string piece(const About& about, const Piece& piece) override {
    ordered_json out = chunk(about, piece.index, {{"content", piece.text}}, nullptr);
    if (log_probabilities_wanted) out["choices"][0]["logprobs"] = log_probabilities(piece.tokens);
    return event(out);
  }
  std::string choice_end(const About& about, std::size_t index, const Said& said) override {
    return event(chunk(about, index, ordered_json::object(), stop_or_length(said)));
  }
  std::string end(const About& about, const std::vector<Said>& said) override {
    std::string out;
    if (include_usage) {
      ordered_json last = envelope(about, "chat.completion.chunk", ordered_json::array());
      last["usage"] = usage(about, said);
      out = event(last);
    }
    return out + "data: [DONE]\n\n";
  }

 private:
  static ordered_json usage(const About& about, const std::vector<Said>& said) {
    const Sums sum = sums(said, about.call.copies);
    return {{"prompt_tokens", sum.prompt},
            {"completion_tokens", sum.generated},
            {"total_tokens", sum.prompt + sum.generated},
            {"prompt_tokens_details", {{"cached_tokens", sum.cached}}}};
  }
  static ordered_json envelope(const About& about, const char* object, ordered_json choices) {
    return {{"id", "chatcmpl-" + about.id},
            {"object", object},
            {"created", about.created},
            {"model", about.model.name},
            {"system_fingerprint", fingerprint()},
            {"choices", std::move(choices)}};
  }
  static ordered_json chunk(const About& about, std::size_t index, ordered_json delta, const char* reason) {
    ordered_json choice = {{"index", index}, {"delta", std::move(delta)}, {"logprobs", nullptr}};
    choice["finish_reason"] = reason == nullptr ? ordered_json() : ordered_json(reason);
    return envelope(about, "chat.completion.chunk", ordered_json::array({std::move(choice)}));
  }
};

}  // namespace

Result<Call> parse_chat(std::string_view json, const ModelFacts&) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  auto writer = std::make_unique<ChatWriter>();
  completion::Request& request = call.requests.emplace_back();
  request.chat = take_messages(*fields);
  take_sampling(*fields, 1, request);
  take_bias(*fields, request);
  const char* const tokens = fields->has("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
  request.max_tokens = take_tokens(*fields, tokens, kMaxTokens);
  writer->log_probabilities_wanted = call.token_texts = fields->flag("logprobs", false);
  const auto top = static_cast<unsigned>(fields->whole("top_logprobs", 0, 0, 20));
  if (top > 0 && !call.token_texts) fields->refuse("\"top_logprobs\" needs \"logprobs\": true");
  request.top_log_probabilities = top;
  // Where the client wants none of them used, what they are changes nothing.
  if (fields->get("tool_choice") != "none") refuse_unsupported(*fields, {"tools"});
  if (fields->get("function_call") != "none") refuse_unsupported(*fields, {"functions"});
  refuse_unsupported(*fields, {"grammar", "json_schema"});
  if (fields->has("response_format")) {
    Fields format = fields->nested("response_format");
    if (format.text("type") != "text") fields->refuse("a \"response_format\" other than text is not supported");
    fields->absorb(format);
  }
  call.stream = fields->flag("stream", false);
  if (fields->has("stream_options")) {
    Fields options = fields->nested("stream_options");
    writer->include_usage = options.flag("include_usage", false);
    fields->absorb(options);
  }
  take_rules(*fields, false, call);
  spread(call, take_copies(*fields, "n"));
  call.writer = std::move(writer);
  return finished(*fields, std::move(call));
}

}  // namespace blindbox::api
