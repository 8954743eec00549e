// SPDX-License-Identifier: Apache-2.0
// Hugging Face text-generation-inference, as llm-ls, llm.nvim and llm-vscode use it.
#include "blindbox/api/internal/common.h"
#include "blindbox/api/protocols.h"
#include "blindbox/api/raw_prompt.h"

namespace blindbox::api {
namespace {

using namespace internal;
using completion::Request;

const char* finish_reason(const Said& said) {
  using completion::StopReason;
  if (!said.rule.empty() || said.outcome.reason == StopReason::word) return "stop_sequence";
  return said.outcome.reason == StopReason::eos ? "eos_token" : "length";
}

ordered_json token_of(const SaidToken& token, std::string_view text) {
  return {{"id", token.id}, {"text", text}, {"logprob", token.log_probability}, {"special", false}};
}

ordered_json likeliest_of(const SaidToken& token) {
  ordered_json out = ordered_json::array();
  for (std::size_t i = 0; i < token.likeliest.size(); ++i) {
    const completion::TokenProbability& one = token.likeliest[i];
    out.push_back(
        {{"id", one.id}, {"text", token.likeliest_texts[i]}, {"logprob", one.log_probability}, {"special", false}});
  }
  return out;
}

class TgiWriter final : public Writer {
 public:
  bool array = false;      // POST / answers with a list
  bool details = false;    // of the whole answer; a stream always ends with some
  bool likeliest = false;  // "top_n_tokens"
  std::string echoed;      // return_full_text

  std::string whole(const About& about, const std::vector<Said>& said) const override {
    ordered_json out = {{"generated_text", echoed + said[0].text}};
    if (details) {
      ordered_json all = summary(about, said[0]);
      all["prefill"] = ordered_json::array();
      all["tokens"] = ordered_json::array();
      for (const SaidToken& token : said[0].tokens) {
        all["tokens"].push_back(token_of(token, token.text));
        if (likeliest) all["top_tokens"].push_back(likeliest_of(token));
      }
      out["details"] = std::move(all);
    }
    return compact(array ? ordered_json::array({std::move(out)}) : out);
  }

  // Each event is held back until the next one: the last one carries the whole text.
  std::string piece(const About&, const Piece& piece) override {
    std::string out = held_.is_null() ? "" : "data:" + compact(held_) + "\n\n";
    last_ = piece.tokens.empty() ? last_ : piece.tokens.back();
    held_ = {{"index", piece.said}, {"token", token_of(last_, piece.text)}, {"generated_text", nullptr}};
    held_["details"] = nullptr;
    if (likeliest) held_["top_tokens"] = likeliest_of(last_);
    return out;
  }
  std::string choice_end(const About& about, std::size_t, const Said& said) override {
    if (held_.is_null()) held_ = {{"index", 0}, {"token", token_of(last_, "")}};
    held_["generated_text"] = echoed + said.text;
    held_["details"] = summary(about, said);
    return "data:" + compact(held_) + "\n\n";
  }

 private:
  static ordered_json summary(const About& about, const Said& said) {
    return {{"finish_reason", finish_reason(said)},
            {"generated_tokens", said.outcome.generated_tokens},
            {"input_length", said.outcome.prompt_tokens},
            {"seed", about.call.requests[0].seed}};
  }

  ordered_json held_;
  SaidToken last_;
};

void take_parameters(Fields& parameters, Request& request, TgiWriter& writer, bool hole) {
  const bool sampled = parameters.flag("do_sample", false) || parameters.has("temperature");
  take_sampling(parameters, sampled && !hole ? 1 : 0, request);
  if (!sampled) request.temperature = 0;
  request.max_tokens = take_tokens(parameters, "max_new_tokens", 100);
  if (parameters.has("stop_sequences")) request.stop = parameters.texts("stop_sequences", kMaxStopWords);
  request.repeat_penalty = static_cast<float>(parameters.number("repetition_penalty", 1, 0.1, 10));
  request.keep_tokens = static_cast<unsigned>(parameters.whole("truncate", 0, 0, kMaxTokens));
  request.top_log_probabilities = static_cast<unsigned>(parameters.whole("top_n_tokens", 0, 0, 20));
  writer.likeliest = request.top_log_probabilities > 0;
  writer.details = parameters.flag("details", false);
  if (parameters.flag("return_full_text", false)) writer.echoed = request.prefix;
  if (take_copies(parameters, "best_of") > 1) parameters.refuse("\"best_of\" above 1 is not supported");
  refuse_unsupported(parameters, {"grammar", "adapter_id"});
}

enum class Kind { plain, array, streamed };

Result<Call> parse(std::string_view json, Kind kind) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  Call call;
  auto writer = std::make_unique<TgiWriter>();
  Request& request = call.requests.emplace_back();
  request.prefix = fields->required_text("inputs");
  Fields parameters = fields->nested("parameters");
  // Before the frame is taken apart: return_full_text means what was sent.
  Request sent;
  sent.prefix = request.prefix;
  const bool hole = take_raw_prompt(request);
  take_parameters(parameters, sent, *writer, hole);
  sent.prefix = std::move(request.prefix);
  sent.suffix = std::move(request.suffix);
  sent.extra = std::move(request.extra);
  sent.repository = std::move(request.repository);
  sent.filename = std::move(request.filename);
  request = std::move(sent);
  take_rules(parameters, hole, call);
  fields->absorb(parameters);
  call.stream = kind == Kind::streamed || (kind == Kind::array && fields->flag("stream", false));
  call.token_texts = writer->details || writer->likeliest;
  writer->array = kind == Kind::array;
  call.writer = std::move(writer);
  return finished(*fields, std::move(call));
}

}  // namespace

Result<Call> parse_tgi(std::string_view json, const ModelFacts& model) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  // Some versions of huggingface_hub post messages to the address that they were given, without a path.
  const bool chat = !fields->has("inputs") && fields->has("messages");
  return chat ? parse_chat(json, model) : parse(json, Kind::array);
}

Result<Call> parse_tgi_stream(std::string_view json, const ModelFacts&) { return parse(json, Kind::streamed); }

Result<Call> parse_generate(std::string_view json, const ModelFacts& model) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  // Two protocols share the path: TGI calls its text "inputs".
  return fields->has("inputs") ? parse(json, Kind::plain) : parse_original(json, model);
}

}  // namespace blindbox::api
