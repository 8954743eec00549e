// SPDX-License-Identifier: Apache-2.0
// Requests: llama.cpp tools/server/README.md "POST /infill", OpenAI's API reference "Create completion", and the
// SantaCoder example of the first BlindBox (2023).
#include <limits>

#include "blindbox/completion/api.h"
#include "blindbox/completion/internal/fields.h"

namespace blindbox::completion {
namespace {

constexpr std::int64_t kMaxTokens = 1 << 20;  // the context ends a generation long before
constexpr std::size_t kMaxStopWords = 16;
constexpr std::size_t kMaxExtras = 1024;

std::uint32_t random_seed() {
  std::uint32_t seed = 0;
  for (const std::byte byte : base::random_bytes(sizeof seed)) seed = seed << 8U | std::to_integer<std::uint32_t>(byte);
  return seed;
}

// What llama.cpp and OpenAI name alike.
void take_sampling(Fields& fields, double default_temperature, Request& request) {
  request.temperature = static_cast<float>(fields.number("temperature", default_temperature, 0, 5));
  request.top_p = static_cast<float>(fields.number("top_p", 1, 0, 1));
  request.stop = fields.texts("stop", kMaxStopWords);
  const std::int64_t seed =
      fields.whole("seed", -1, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  request.seed = seed == -1 ? random_seed() : static_cast<std::uint32_t>(seed & 0xFFFFFFFF);
}

// Other files that an editor sends along. They are checked and not used: the models that this release is for have no
// tokens for them, and their context is short.
void check_extras(Fields& fields) {
  const nlohmann::json& extras = fields.get("input_extra");
  if (extras.is_null()) return;
  bool good = extras.is_array() && extras.size() <= kMaxExtras;
  for (std::size_t i = 0; good && i < extras.size(); ++i) {
    good = extras[i].is_object() && extras[i].contains("text") && extras[i]["text"].is_string();
  }
  if (!good) fields.refuse("\"input_extra\" must be an array of objects with a \"text\" string each");
}

void only(Fields& fields, const char* name, std::int64_t most) {
  if (fields.whole(name, 1, 0, kMaxTokens) > most) {
    fields.refuse('"' + std::string(name) + "\" above " + std::to_string(most) + " is not supported");
  }
}

Result<ApiRequest> finished(const Fields& fields, ApiRequest out) {
  if (auto done = fields.done(); !done) return base::pass_on(done);
  return out;
}

}  // namespace

Result<ApiRequest> parse_infill(std::string_view json) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  ApiRequest out;
  out.protocol = Protocol::llama_cpp;
  out.request.prefix = fields->required_text("input_prefix");
  out.request.suffix = fields->required_text("input_suffix");
  out.request.prefix += fields->text("prompt");  // what stands between the prefix and the cursor
  check_extras(*fields);
  only(*fields, "n_cmpl", 1);
  // Negative: as much as fits. llama.cpp's own default is that; an editor that forgot to say wants less.
  const std::int64_t tokens = fields->whole("n_predict", 128, -2, kMaxTokens);
  out.request.max_tokens = static_cast<unsigned>(tokens < 0 ? kMaxTokens : tokens);
  // Greedy unless asked otherwise: an editor wants the likeliest text, and the same one each time.
  take_sampling(*fields, 0, out.request);
  out.request.top_k = static_cast<int>(std::max<std::int64_t>(fields->whole("top_k", 0, -1, kMaxTokens), 0));
  const std::int64_t budget = fields->whole("t_max_predict_ms", 0, -1, 3'600'000);
  if (budget > 0) out.request.line_budget = std::chrono::milliseconds(budget);
  out.response_fields = fields->texts("response_fields", 64);
  out.stream = fields->flag("stream", false);
  return finished(*fields, std::move(out));
}

Result<ApiRequest> parse_completions(std::string_view json) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  ApiRequest out;
  out.protocol = Protocol::openai;
  const nlohmann::json& prompt = fields->get("prompt");
  if (prompt.is_array() && prompt.size() == 1 && prompt[0].is_string()) {
    out.request.prefix = prompt[0].get<std::string>();
  } else if (prompt.is_array()) {
    fields->refuse("\"prompt\" must be one string; several prompts and token ids are not supported");
  } else {
    out.request.prefix = fields->required_text("prompt");
  }
  if (fields->has("suffix")) out.request.suffix = fields->text("suffix");
  out.request.max_tokens = static_cast<unsigned>(fields->whole("max_tokens", 16, 0, kMaxTokens));
  take_sampling(*fields, 1, out.request);
  only(*fields, "n", 1);
  only(*fields, "best_of", 1);
  if (fields->flag("echo", false)) fields->refuse("\"echo\" is not supported");
  if (fields->has("logprobs")) fields->refuse("\"logprobs\" is not supported");
  out.stream = fields->flag("stream", false);
  const nlohmann::json& options = fields->get("stream_options");
  if (!options.is_null() && !options.is_object()) fields->refuse("\"stream_options\" must be an object");
  if (options.is_object() && options.contains("include_usage")) {
    if (!options["include_usage"].is_boolean()) fields->refuse("\"include_usage\" must be true or false");
    out.include_usage = options["include_usage"] == true;
  }
  return finished(*fields, std::move(out));
}

Result<ApiRequest> parse_generate(std::string_view json) {
  auto fields = Fields::parse(json);
  if (!fields) return base::pass_on(fields);
  ApiRequest out;
  out.protocol = Protocol::original;
  out.request.prefix = fields->required_text("input_text");
  out.request.max_tokens = static_cast<unsigned>(fields->whole("max_new_tokens", 128, 1, kMaxTokens));
  return finished(*fields, std::move(out));
}

}  // namespace blindbox::completion
