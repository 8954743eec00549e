// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "blindbox/completion/api.h"

namespace blindbox::completion {
namespace {

using nlohmann::ordered_json;

std::string compact(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string event(const ordered_json& value) { return "data: " + compact(value) + "\n\n"; }

// Cancelled requests have nobody to read this, and a deadline is a limit.
const char* stop_type(StopReason reason) {
  switch (reason) {
    case StopReason::eos: return "eos";
    case StopReason::word: return "word";
    default: return "limit";
  }
}

double per(double amount, unsigned count) { return count == 0 ? 0 : amount / count; }

ordered_json timings(const Outcome& outcome) {
  const Timings& times = outcome.timings;
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

// content is what the last answer carries, text what was said in all.
ordered_json llama_answer(const AnswerAbout& about, std::string_view content, std::string_view text,
                          const Outcome& outcome) {
  const ordered_json answer = {{"index", 0},
                               {"content", content},
                               {"tokens", ordered_json::array()},
                               {"id_slot", 0},
                               {"stop", true},
                               {"model", about.model.name},
                               {"tokens_predicted", outcome.generated_tokens},
                               {"tokens_evaluated", outcome.prompt_tokens},
                               {"generation_settings", settings(about.asked.request, about.asked.stream)},
                               {"prompt", ""},  // not sent back: whoever asked has it, and it is long
                               {"has_new_line", text.find('\n') != std::string_view::npos},
                               {"truncated", outcome.truncated},
                               {"stop_type", stop_type(outcome.reason)},
                               {"stopping_word", outcome.stopping_word},
                               {"tokens_cached", outcome.prompt_tokens + outcome.generated_tokens},
                               {"timings", timings(outcome)}};
  return chosen(answer, about.asked.response_fields);
}

ordered_json openai_answer(const AnswerAbout& about, std::string_view text, const char* finish_reason) {
  ordered_json choice = {{"text", text}, {"index", 0}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
  if (finish_reason != nullptr) choice["finish_reason"] = finish_reason;
  return {{"id", about.id},
          {"object", "text_completion"},
          {"created", about.created},
          {"model", about.model.name},
          {"choices", ordered_json::array({choice})}};
}

const char* finish_reason(const Outcome& outcome) {
  return outcome.reason == StopReason::eos || outcome.reason == StopReason::word ? "stop" : "length";
}

ordered_json usage(const Outcome& outcome) {
  return {{"prompt_tokens", outcome.prompt_tokens},
          {"completion_tokens", outcome.generated_tokens},
          {"total_tokens", outcome.prompt_tokens + outcome.generated_tokens},
          {"prompt_tokens_details", {{"cached_tokens", outcome.cached_tokens}}}};
}

}  // namespace

std::string full_answer(const AnswerAbout& about, std::string_view text, const Outcome& outcome) {
  if (about.asked.protocol == Protocol::llama_cpp) return compact(llama_answer(about, text, text, outcome));
  // The first BlindBox answered with the decoded sequence, which begins with what was sent.
  if (about.asked.protocol == Protocol::original) {
    return compact({{"text", about.asked.request.prefix + std::string(text)}});
  }
  ordered_json answer = openai_answer(about, text, finish_reason(outcome));
  answer["usage"] = usage(outcome);
  return compact(answer);
}

std::string stream_piece(const AnswerAbout& about, std::string_view text) {
  if (about.asked.protocol == Protocol::openai) return event(openai_answer(about, text, nullptr));
  return event({{"index", 0}, {"content", text}, {"tokens", ordered_json::array()}, {"stop", false}, {"id_slot", 0}});
}

std::string stream_end(const AnswerAbout& about, std::string_view whole_text, const Outcome& outcome) {
  if (about.asked.protocol != Protocol::openai) return event(llama_answer(about, "", whole_text, outcome));
  std::string out = event(openai_answer(about, "", finish_reason(outcome)));
  if (about.asked.include_usage) {
    ordered_json last = openai_answer(about, "", nullptr);
    last["choices"] = ordered_json::array();
    last["usage"] = usage(outcome);
    out += event(last);
  }
  return out + "data: [DONE]\n\n";
}

std::string stream_error(const Error& error) {
  return event({{"error", {{"code", 500}, {"message", error.what}, {"type", "server_error"}}}});
}

std::string health_answer() { return compact({{"status", "ok"}}); }

std::string models_answer(const ModelInfo& model) {
  ordered_json meta = {{"n_vocab", model.vocabulary},
                       {"n_ctx", model.context_length},
                       {"n_ctx_train", model.trained_context_length},
                       {"n_params", model.parameters},
                       {"size", model.file_bytes},
                       {"architecture", model.architecture},
                       {"sha256", model.sha256},
                       {"tokenizer_sha256", model.tokenizer_sha256},
                       {"fim", model.fim.has_value()}};
  const ordered_json entry = {
      {"id", model.name}, {"object", "model"}, {"created", 0}, {"owned_by", "blindbox"}, {"meta", meta}};
  return compact({{"object", "list"}, {"data", ordered_json::array({entry})}});
}

}  // namespace blindbox::completion
