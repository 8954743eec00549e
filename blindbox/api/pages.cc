// SPDX-License-Identifier: Apache-2.0
// Pages of the server itself, of llama.cpp and OpenAI.
#include "blindbox/api/pages.h"

#include <thread>

#include "blindbox/api/internal/common.h"

namespace blindbox::api {

using namespace internal;

namespace {

// Of what is turned from text to tokens or back: the requests are counted and their tokens are not, so none may ask for
// much.
constexpr std::size_t kMaxText = std::size_t{256} << 10;
constexpr std::size_t kMaxDetokenized = std::size_t{64} << 10;

http::Response json(const ordered_json& body, unsigned status = 200) {
  return {status, "application/json", compact(body), {}};
}

ordered_json model_entry(const completion::ModelInfo& model, bool chat) {
  const ordered_json meta = {{"n_vocab", model.vocabulary},
                             {"n_ctx", model.context_length},
                             {"n_ctx_train", model.trained_context_length},
                             {"n_params", model.parameters},
                             {"size", model.file_bytes},
                             {"architecture", model.architecture},
                             {"sha256", model.sha256},
                             {"tokenizer_sha256", model.tokenizer_sha256},
                             {"fim", model.fim.has_value()},
                             {"chat", chat}};
  // Mistral's client takes no list without its own fields.
  const ordered_json capabilities = {{"completion_chat", chat},
                                     {"completion_fim", model.fim.has_value()},
                                     {"function_calling", false},
                                     {"fine_tuning", false},
                                     {"vision", false}};
  return {{"id", model.name},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "blindbox"},
          {"type", "base"},
          {"max_context_length", model.context_length},
          {"capabilities", capabilities},
          {"meta", meta}};
}

}  // namespace

// llama.cpp's field and Tabby's together: the two share the path /v1/health, and Tabby's client reads
// version.git_describe without looking whether it is there.
Result<http::Response> health_page(const Desk& desk, const http::Request&) {
  const char* const version = BLINDBOX_VERSION;
  return json({{"status", "ok"},
               {"model", desk.model.info.name},
               {"chat_model", desk.model.chat ? ordered_json(desk.model.info.name) : ordered_json()},
               {"chat_device", "cpu"},
               {"device", "cpu"},
               {"arch", "x86_64"},
               {"cpu_info", ""},
               {"cpu_count", std::thread::hardware_concurrency()},
               {"cuda_devices", ordered_json::array()},
               {"version", {{"build_date", ""}, {"build_timestamp", ""}, {"git_sha", ""}, {"git_describe", version}}},
               {"webserver", false}});
}

// Ollama's libraries ask here whether anybody is at home, and its words would be a lie: the version that others compare
// with theirs stands at /api/version. TGI's clients and load balancers look at the status.
Result<http::Response> root_page(const Desk&, const http::Request&) {
  return http::Response{200, "text/plain; charset=utf-8", "BlindBox is running\n", {}};
}

Result<http::Response> ready_page(const Desk& desk, const http::Request&) {
  if (!desk.draining) return json({{"status", "ready"}});
  http::Response response = json({{"status", "draining"}}, 503);
  response.fields.emplace_back("Retry-After", "2");
  return response;
}

Result<http::Response> metrics_page(const Desk& desk, const http::Request&) {
  if (!desk.may_metrics) {
    return base::fail(ErrorKind::forbidden, "these counters are for the operator",
                      "the key that was shown may not read them",
                      "\"blindbox key add --metrics\" makes one that may, for a server that runs with --keys");
  }
  return http::Response{200,
                        "text/plain; version=0.0.4",
                        desk.metrics.text(desk.generator.status(), std::chrono::steady_clock::now()),
                        {}};
}

Result<http::Response> cache_page(const Desk& desk, const http::Request&) {
  const completion::CacheUsage usage = desk.generator.cache_usage(desk.tenant);
  return json({{"prefixes", usage.prefixes},
               {"tokens", usage.tokens},
               {"bytes", usage.bytes},
               {"hits", usage.hits},
               {"reused_tokens", usage.reused_tokens}});
}

Result<http::Response> forget_page(const Desk& desk, const http::Request& request) {
  desk.generator.forget(desk.tenant);
  return cache_page(desk, request);
}

Result<http::Response> props_page(const Desk& desk, const http::Request&) {
  const completion::ModelInfo& model = desk.model.info;
  const ordered_json params = {
      {"n_predict", -1}, {"temperature", 0.8}, {"top_k", 0}, {"top_p", 1.0}, {"stream", false}};
  return json({{"default_generation_settings", {{"id", 0}, {"n_ctx", model.context_length}, {"params", params}}},
               {"total_slots", desk.generator.status().slots},
               {"model_alias", model.name},
               {"model_path", model.name},
               {"modalities", {{"vision", false}, {"audio", false}}},
               {"chat_template", ""},  // /apply-template applies it
               {"build_info", std::string("blindbox ") + BLINDBOX_VERSION}});
}

// Whether others are at work is not told: as many slots seem busy as the asker's own requests.
Result<http::Response> slots_page(const Desk& desk, const http::Request&) {
  ordered_json slots = ordered_json::array();
  const unsigned count = desk.generator.status().slots;
  for (unsigned i = 0; i < count; ++i) {
    slots.push_back({{"id", i},
                     {"n_ctx", desk.model.info.context_length},
                     {"speculative", false},
                     {"is_processing", i < desk.running}});
  }
  return json(slots);
}

Result<http::Response> tokenize_page(const Desk& desk, const http::Request& request) {
  auto fields = Fields::parse(request.body);
  if (!fields) return base::pass_on(fields);
  const std::string content = fields->required_text("content");
  const bool add_special = fields->flag("add_special", false);
  const bool parse_special = fields->flag("parse_special", true);
  const bool with_pieces = fields->flag("with_pieces", false);
  if (auto done = fields->done(); !done) return base::pass_on(done);
  if (content.size() > kMaxText) {
    return base::fail(ErrorKind::limit, "\"content\" is longer than " + std::to_string(kMaxText) + " bytes");
  }
  auto tokens = desk.generator.tokenize(content, parse_special, add_special);
  if (!tokens) return base::pass_on(tokens);
  if (!with_pieces) return json({{"tokens", *tokens}});
  ordered_json pieces = ordered_json::array();
  for (const completion::Token token : *tokens) {
    auto piece = desk.generator.detokenize({token});
    if (!piece) return base::pass_on(piece);
    ordered_json bytes = ordered_json::array();  // what is no text by itself is told byte by byte
    for (const char c : *piece) bytes.push_back(static_cast<unsigned char>(c));
    pieces.push_back({{"id", token}, {"piece", base::is_utf8(*piece) ? ordered_json(*piece) : bytes}});
  }
  return json({{"tokens", pieces}});
}

Result<http::Response> detokenize_page(const Desk& desk, const http::Request& request) {
  auto fields = Fields::parse(request.body);
  if (!fields) return base::pass_on(fields);
  const nlohmann::json& list = fields->get("tokens");
  if (!are_token_ids(list, kMaxDetokenized)) {
    return base::fail(ErrorKind::malformed,
                      "\"tokens\" must be an array of at most " + std::to_string(kMaxDetokenized) + " token ids");
  }
  auto text = desk.generator.detokenize(list.get<completion::Tokens>());
  if (!text) return base::pass_on(text);
  return json({{"content", *text}});
}

Result<http::Response> template_page(const Desk& desk, const http::Request& request) {
  auto fields = Fields::parse(request.body);
  if (!fields) return base::pass_on(fields);
  const auto messages = take_messages(*fields);
  if (auto done = fields->done(); !done) return base::pass_on(done);
  auto text = desk.generator.chat_text(messages);
  if (!text) return base::pass_on(text);
  return json({{"prompt", *text}});
}

Result<http::Response> models_page(const Desk& desk, const http::Request&) {
  return json({{"object", "list"}, {"data", ordered_json::array({model_entry(desk.model.info, desk.model.chat)})}});
}

Result<http::Response> model_page(const Desk& desk, const http::Request&) {
  return json(model_entry(desk.model.info, desk.model.chat));
}

}  // namespace blindbox::api
