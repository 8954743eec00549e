// SPDX-License-Identifier: Apache-2.0
// llama.cpp's own endpoints: tools/server/README.md, "POST /infill" and "POST /completion". llama.vim and llama.vscode
// match the raw text of the answer.
#include "blindbox/api/internal/common.h"
#include "blindbox/api/protocols.h"

namespace blindbox::api {
namespace {

using namespace internal;
using completion::Outcome;
using completion::Request;

double per(double amount, unsigned count) { return count == 0 ? 0 : amount / count; }

ordered_json timings(const Outcome& outcome) {
  const completion::Timings& times = outcome.timings;
  return {{"cache_n", outcome.cached_tokens},
          {"prompt_n", outcome.evaluated_tokens},
          {"prompt_ms", times.prompt_ms},
          {"prompt_per_token_ms", per(times.prompt_ms, outcome.evaluated_tokens)},
          {"prompt_per_second", times.prompt_ms > 0 ? 1000 * outcome.evaluated_tokens / times.prompt_ms : 0},
          {"predicted_n", outcome.generated_tokens},
          {"predicted_ms", times.predicted_ms},
          {"predicted_per_token_ms", per(times.predicted_ms, outcome.generated_tokens)},
          {"predicted_per_second", times.tokens_per_second}};
}

ordered_json settings(const Request& request, bool stream) {
  return {{"n_predict", request.max_tokens},
          {"temperature", request.temperature},
          {"top_k", request.top_k},
          {"top_p", request.top_p},
          {"min_p", request.min_p},
          {"repeat_penalty", request.repeat_penalty},
          {"presence_penalty", request.presence_penalty},
          {"frequency_penalty", request.frequency_penalty},
          {"seed", request.seed},
          {"stop", request.stop},
          {"stream", stream}};
}

// Only what was asked for, under the literal keys: "timings/prompt_n" does not open an object.
ordered_json chosen(const ordered_json& answer, const std::vector<std::string>& names) {
  if (names.empty()) return answer;
  ordered_json out = ordered_json::object();
  for (const std::string& name : names) {
    const ordered_json* at = &answer;
    std::size_t start = 0;
    while (at != nullptr && start <= name.size()) {
      const std::size_t slash = std::min(name.find('/', start), name.size());
      const auto found = at->is_object() ? at->find(name.substr(start, slash - start)) : at->end();
      at = found == at->end() ? nullptr : &*found;
      start = slash + 1;
    }
    if (at != nullptr) out[name] = *at;
  }
  return out;
}

ordered_json ids_of(const std::vector<SaidToken>& tokens) {
  ordered_json out = ordered_json::array();
  for (const SaidToken& token : tokens) out.push_back(token.id);
  return out;
}

// A token may be half a character, which its text cannot tell.
ordered_json bytes_of(const std::string& text) {
  ordered_json out = ordered_json::array();
  for (const char c : text) out.push_back(static_cast<unsigned char>(c));
  return out;
}

ordered_json probabilities(const std::vector<SaidToken>& tokens) {
  ordered_json out = ordered_json::array();
  for (const SaidToken& token : tokens) {
    ordered_json top = ordered_json::array();
    for (std::size_t i = 0; i < token.likeliest.size(); ++i) {
      top.push_back({{"id", token.likeliest[i].id},
                     {"token", token.likeliest_texts[i]},
                     {"bytes", bytes_of(token.likeliest_texts[i])},
                     {"logprob", token.likeliest[i].log_probability}});
    }
    out.push_back({{"id", token.id},
                   {"token", token.text},
                   {"bytes", bytes_of(token.text)},
                   {"logprob", token.log_probability},
                   {"top_logprobs", std::move(top)}});
  }
  return out;
}

class LlamaWriter final : public Writer {
 public:
  std::vector<std::string> response_fields;  // only these of the last answer, e.g. "timings/prompt_n"
  std::int64_t id_slot = 0;
  bool tokens = false;
  bool probabilities_wanted = false;

  std::string whole(const About& about, const std::vector<Said>& said) const override {
    if (said.size() == 1) return compact(answer(about, 0, said[0], said[0].text));
    ordered_json all = ordered_json::array();
    for (std::size_t i = 0; i < said.size(); ++i) all.push_back(answer(about, i, said[i], said[i].text));
    return compact(all);
  }

  std::string piece(const About&, const Piece& piece) override {
    ordered_json out = {
        {"index", piece.index}, {"content", piece.text},          {"tokens", ids_of(piece.tokens)},  {"stop", false},
        {"id_slot", id_slot},   {"tokens_predicted", piece.said}, {"tokens_evaluated", piece.prompt}};
    if (probabilities_wanted) out["completion_probabilities"] = probabilities(piece.tokens);
    return event(out);
  }

  std::string choice_end(const About& about, std::size_t index, const Said& said) override {
    return event(answer(about, index, said, ""));
  }

 private:
  static const char* stop_type(const Said& said) {
    using completion::StopReason;
    if (!said.rule.empty()) return "limit";  // as llama.cpp calls its own rule, n_indent
    switch (said.outcome.reason) {
      case StopReason::eos: return "eos";
      case StopReason::word: return "word";
      default: return "limit";
    }
  }

  // content is what this answer carries, said.text what was said in all.
  [[nodiscard]] ordered_json answer(const About& about, std::size_t index, const Said& said,
                                    std::string_view content) const {
    const Outcome& outcome = said.outcome;
    const bool ids = tokens && !about.call.stream;
    ordered_json out = {{"index", index},
                        {"content", content},
                        {"tokens", ids ? ids_of(said.tokens) : ordered_json::array()},
                        {"id_slot", id_slot},
                        {"stop", true},
                        {"model", about.model.name},
                        {"tokens_predicted", outcome.generated_tokens},
                        {"tokens_evaluated", outcome.prompt_tokens},
                        {"generation_settings", settings(about.call.requests[index], about.call.stream)},
                        {"prompt", ""},  // not sent back: whoever asked has it, and it is long
                        {"has_new_line", said.text.find('\n') != std::string::npos},
                        {"truncated", outcome.truncated},
                        {"stop_type", stop_type(said)},
                        {"stopping_word", outcome.stopping_word},
                        {"tokens_cached", outcome.prompt_tokens + outcome.generated_tokens},
                        {"timings", timings(outcome)}};
    if (!said.rule.empty()) out["stop_rule"] = said.rule;
    if (probabilities_wanted && !about.call.stream) out["completion_probabilities"] = probabilities(said.tokens);
    return chosen(out, response_fields);
  }
};

void take_extras(Fields& fields, Request& request) {
  const nlohmann::json& extras = fields.get("input_extra");
  if (extras.is_null()) return;
  bool good = extras.is_array() && extras.size() <= kMaxExtras;
  for (std::size_t i = 0; good && i < extras.size(); ++i) {
    const nlohmann::json& extra = extras[i];
    good = extra.is_object() && extra.contains("text") && extra["text"].is_string() &&
           (!extra.contains("filename") || extra["filename"].is_string());
    if (good) request.extra.push_back({extra.value("filename", ""), extra["text"].get<std::string>()});
  }
  if (!good) fields.refuse(R"("input_extra" must be an array of objects with "filename" and "text" strings)");
}

// What /infill and /completion have in common; the requests' prompts are there already.
Result<Call> finish(Fields& fields, Call call, std::int64_t tokens, double temperature, bool hole) {
  Request shared;
  take_sampling(fields, temperature, shared);
  take_bias(fields, shared);
  refuse_unsupported(fields, {"grammar", "json_schema", "image_data", "lora"});
  shared.max_tokens = take_tokens(fields, fields.has("n_predict") ? "n_predict" : "max_tokens", tokens);
  const std::int64_t budget = fields.whole("t_max_predict_ms", 0, -1, 3'600'000);
  if (budget > 0) shared.line_budget = std::chrono::milliseconds(budget);
  auto writer = std::make_unique<LlamaWriter>();
  writer->id_slot = std::max<std::int64_t>(fields.whole("id_slot", 0, -1, kMaxTokens), 0);
  writer->response_fields = fields.texts("response_fields", 64);
  writer->tokens = fields.flag("return_tokens", false);
  shared.top_log_probabilities = static_cast<unsigned>(fields.whole("n_probs", 0, 0, 20));
  writer->probabilities_wanted = call.token_texts = shared.top_log_probabilities > 0;
  call.stream = fields.flag("stream", false);
  call.rules.indent = static_cast<unsigned>(fields.whole("n_indent", 0, 0, 1024));
  take_rules(fields, hole, call);
  for (Request& request : call.requests) {
    Request whole = shared;
    whole.prefix = std::move(request.prefix);
    whole.suffix = std::move(request.suffix);
    whole.prompt_tokens = std::move(request.prompt_tokens);
    whole.extra = std::move(request.extra);
    whole.repository = std::move(request.repository);
    whole.filename = std::move(request.filename);
    request = std::move(whole);
  }
  spread(call, take_copies(fields, fields.has("n_cmpl") ? "n_cmpl" : "n"));
  call.writer = std::move(writer);
  return finished(fields, std::move(call));
}

}  // namespace

Result<Call> parse_infill(std::string_view json, const ModelFacts&) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  Request& request = call.requests.emplace_back();
  request.prefix = fields->required_text("input_prefix");
  request.suffix = fields->required_text("input_suffix");
  request.prefix += fields->text("prompt");  // what stands between the prefix and the cursor
  take_extras(*fields, request);
  // Greedy unless asked otherwise: an editor wants the likeliest text, and the same one each time. llama.cpp's own
  // default is as many tokens as fit; an editor that forgot to say wants less.
  return finish(*fields, std::move(call), 128, 0, true);
}

Result<Call> parse_completion(std::string_view json, const ModelFacts&) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  const bool hole = take_prompts(*fields, "prompt", call);
  return finish(*fields, std::move(call), -1, hole ? 0 : 0.8, hole);
}

Result<Call> parse_bare_completions(std::string_view json, const ModelFacts& model) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  const bool openai = fields->has("max_tokens") && !fields->has("n_predict");
  return openai ? parse_completions(json, model) : parse_completion(json, model);
}

}  // namespace blindbox::api
