// SPDX-License-Identifier: Apache-2.0
// OpenAI's legacy completions, "Create completion" of its API reference, with "suffix" honoured; and the fill-in-the-middle
// endpoint of Mistral and DeepSeek, whose answers differ in where the text stands.
#include "blindbox/api/internal/common.h"
#include "blindbox/api/protocols.h"

namespace blindbox::api {
namespace {

using namespace internal;
using completion::Request;

ordered_json usage(const About& about, const std::vector<Said>& said) {
  const Sums sum = sums(said, about.call.copies);
  return {{"prompt_tokens", sum.prompt},
          {"completion_tokens", sum.generated},
          {"total_tokens", sum.prompt + sum.generated},
          {"prompt_tokens_details", {{"cached_tokens", sum.cached}}}};
}

// "logprobs" of the legacy endpoint: arrays side by side. offset: where the first token begins in the answer's text.
ordered_json log_probabilities(const std::vector<SaidToken>& tokens, std::size_t offset) {
  ordered_json texts = ordered_json::array();
  ordered_json values = ordered_json::array();
  ordered_json tops = ordered_json::array();
  ordered_json offsets = ordered_json::array();
  for (const SaidToken& token : tokens) {
    texts.push_back(token.text);
    values.push_back(token.log_probability);
    ordered_json top = ordered_json::object();
    for (std::size_t i = 0; i < token.likeliest.size(); ++i) {
      top[token.likeliest_texts[i]] = token.likeliest[i].log_probability;
    }
    tops.push_back(std::move(top));
    offsets.push_back(offset);
    offset += token.text.size();
  }
  return {{"tokens", texts}, {"token_logprobs", values}, {"top_logprobs", tops}, {"text_offset", offsets}};
}

class CompletionsWriter final : public Writer {
 public:
  bool include_usage = false;
  bool log_probabilities_wanted = false;
  bool mistral = false;             // a message and a delta beside the text
  std::vector<std::string> echoed;  // of each request, what stands before its text; none without "echo"

  std::string whole(const About& about, const std::vector<Said>& said) const override {
    ordered_json choices = ordered_json::array();
    for (std::size_t i = 0; i < said.size(); ++i) {
      ordered_json one = choice(i, echo(i) + said[i].text, stop_or_length(said[i]), "message");
      if (log_probabilities_wanted) one["logprobs"] = log_probabilities(said[i].tokens, echo(i).size());
      choices.push_back(std::move(one));
    }
    ordered_json out = envelope(about, std::move(choices));
    out["usage"] = usage(about, said);
    return compact(out);
  }

  std::string begin(const About& about) override {
    std::string out;
    for (std::size_t i = 0; i < echoed.size(); ++i) {
      out += event(envelope(about, ordered_json::array({choice(i, echoed[i], nullptr, "delta")})));
    }
    offsets_.resize(about.call.requests.size());
    for (std::size_t i = 0; i < offsets_.size(); ++i) offsets_[i] = echo(i).size();
    return out;
  }
  std::string piece(const About& about, const Piece& piece) override {
    ordered_json one = choice(piece.index, piece.text, nullptr, "delta");
    if (log_probabilities_wanted) {
      one["logprobs"] = log_probabilities(piece.tokens, offsets_[piece.index]);
      for (const SaidToken& token : piece.tokens) offsets_[piece.index] += token.text.size();
    }
    return event(envelope(about, ordered_json::array({std::move(one)})));
  }
  std::string choice_end(const About& about, std::size_t index, const Said& said) override {
    return event(envelope(about, ordered_json::array({choice(index, "", stop_or_length(said), "delta")})));
  }
  std::string end(const About& about, const std::vector<Said>& said) override {
    std::string out;
    if (include_usage) {
      ordered_json last = envelope(about, ordered_json::array());
      last["usage"] = usage(about, said);
      out = event(last);
    }
    return out + "data: [DONE]\n\n";
  }

 private:
  [[nodiscard]] std::string echo(std::size_t index) const {
    return index < echoed.size() ? echoed[index] : std::string();
  }

  [[nodiscard]] ordered_json choice(std::size_t index, std::string_view text, const char* reason,
                                    const char* message) const {
    ordered_json out = {{"text", text}, {"index", index}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
    if (reason != nullptr) out["finish_reason"] = reason;
    if (mistral) out[message] = {{"role", "assistant"}, {"content", text}};
    return out;
  }

  [[nodiscard]] ordered_json envelope(const About& about, ordered_json choices) const {
    return {{"id", "cmpl-" + about.id},
            {"object", mistral ? "chat.completion" : "text_completion"},
            {"created", about.created},
            {"model", about.model.name},
            {"system_fingerprint", fingerprint()},
            {"choices", std::move(choices)}};
  }

  std::vector<std::size_t> offsets_;  // where the next token of each request begins
};

void take_stream(Fields& fields, Call& call, CompletionsWriter& writer) {
  call.stream = fields.flag("stream", false);
  if (!fields.has("stream_options")) return;
  Fields options = fields.nested("stream_options");
  writer.include_usage = options.flag("include_usage", false);
  fields.absorb(options);
}

void share(Call& call, const Request& shared) {
  for (Request& request : call.requests) {
    Request whole = shared;
    whole.prefix = std::move(request.prefix);
    whole.prompt_tokens = std::move(request.prompt_tokens);
    whole.extra = std::move(request.extra);
    whole.repository = std::move(request.repository);
    whole.filename = std::move(request.filename);
    if (!whole.suffix) whole.suffix = std::move(request.suffix);
    request = std::move(whole);
  }
}

Result<Call> parse(std::string_view json, bool mistral) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  auto writer = std::make_unique<CompletionsWriter>();
  writer->mistral = mistral;
  Request shared;
  bool hole = mistral || fields->has("suffix");
  if (hole) {
    // With a suffix the prompt is code, whatever it looks like.
    call.requests.emplace_back().prefix = fields->required_text("prompt");
    shared.suffix = fields->text("suffix");
  } else {
    hole = take_prompts(*fields, "prompt", call);
  }
  take_sampling(*fields, hole ? 0 : 1, shared);
  if (mistral && fields->has("random_seed")) {
    shared.seed = static_cast<std::uint32_t>(fields->whole("random_seed", 0, 0, 0xFFFFFFFF));
  }
  take_bias(*fields, shared);
  refuse_unsupported(*fields, {"grammar", "json_schema"});
  shared.max_tokens = take_tokens(*fields, "max_tokens", mistral ? 128 : 16);
  if (fields->has("logprobs") && !(fields->get("logprobs") == false)) {
    shared.top_log_probabilities = static_cast<unsigned>(fields->whole("logprobs", 0, 0, 20));
    writer->log_probabilities_wanted = call.token_texts = true;
  }
  const bool echo = fields->flag("echo", false);
  if (echo && writer->log_probabilities_wanted) {
    fields->refuse("\"echo\" with \"logprobs\" is not supported: the prompt's own probabilities are not kept");
  }
  if (echo && !call.requests.front().prompt_tokens.empty()) {
    fields->refuse("\"echo\" of a prompt of token ids is not supported");
  }
  const unsigned copies = take_copies(*fields, "n");
  if (take_copies(*fields, "best_of") > copies) fields->refuse("\"best_of\" above \"n\" is not supported");
  take_stream(*fields, call, *writer);
  take_rules(*fields, hole, call);
  share(call, shared);
  spread(call, copies);
  if (echo) {
    for (const Request& request : call.requests) writer->echoed.push_back(request.prefix);
  }
  call.writer = std::move(writer);
  return finished(*fields, std::move(call));
}

}  // namespace

Result<Call> parse_completions(std::string_view json, const ModelFacts& model) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  // Two protocols share the path; only Tabby's bodies have segments.
  if (fields->has("segments")) return parse_tabby(json, model);
  return parse(json, false);
}

Result<Call> parse_fim(std::string_view json, const ModelFacts&) { return parse(json, true); }

}  // namespace blindbox::api
