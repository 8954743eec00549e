// SPDX-License-Identifier: Apache-2.0
// Pages of TGI, Ollama and Tabby.
#include <fmt/format.h>

#include "blindbox/api/internal/common.h"
#include "blindbox/api/pages.h"

namespace blindbox::api {

using namespace internal;

namespace {

// Ollama's clients compare it; the protocol is the one of this version.
constexpr const char* kOllamaVersion = "0.6.0";

http::Response json(const ordered_json& body) { return {200, "application/json", compact(body), {}}; }

ordered_json details(const completion::ModelInfo& model) {
  return {{"parent_model", ""},
          {"format", "gguf"},
          {"family", model.architecture},
          {"families", ordered_json::array({model.architecture})},
          {"parameter_size", fmt::format("{:.1f}M", static_cast<double>(model.parameters) / 1e6)},
          {"quantization_level", "unknown"}};
}

ordered_json tag(const completion::ModelInfo& model) {
  return {{"name", model.name},
          {"model", model.name},
          {"modified_at", "1970-01-01T00:00:00Z"},  // the file's time is nobody's business
          {"size", model.file_bytes},
          {"digest", model.sha256},
          {"details", details(model)}};
}

}  // namespace

Result<http::Response> info_page(const Desk& desk, const http::Request&) {
  const completion::ModelInfo& model = desk.model.info;
  const completion::EngineStatus status = desk.generator.status();
  return json({{"model_id", model.name},
               {"model_sha", model.sha256},
               {"model_dtype", "gguf"},
               {"model_device_type", "cpu"},
               {"model_pipeline_tag", "text-generation"},
               {"max_concurrent_requests", status.slots + status.queue_limit},
               {"max_best_of", 1},
               {"max_stop_sequences", kMaxStopWords},
               {"max_input_tokens", model.context_length},
               {"max_total_tokens", model.context_length},
               {"max_input_length", model.context_length},  // the old name; llm-ls reads it
               {"max_batch_total_tokens", model.context_length * status.slots},
               {"max_client_batch_size", 1},
               {"validation_workers", 1},
               {"router", "blindbox"},
               {"version", BLINDBOX_VERSION},
               {"sha", nullptr},
               {"docker_label", nullptr}});
}

Result<http::Response> tags_page(const Desk& desk, const http::Request&) {
  return json({{"models", ordered_json::array({tag(desk.model.info)})}});
}

Result<http::Response> running_page(const Desk& desk, const http::Request&) {
  ordered_json one = tag(desk.model.info);
  one["expires_at"] = "9999-12-31T23:59:59Z";
  one["size_vram"] = 0;
  return json({{"models", ordered_json::array({std::move(one)})}});
}

Result<http::Response> show_page(const Desk& desk, const http::Request& request) {
  auto fields = Fields::parse(request.body);
  if (!fields) return base::pass_on(fields);
  const completion::ModelInfo& model = desk.model.info;
  const std::string& a = model.architecture;
  ordered_json info = {{"general.architecture", a},
                       {"general.parameter_count", model.parameters},
                       {a + ".context_length", model.context_length},
                       {a + ".vocab_size", model.vocabulary}};
  ordered_json capabilities = ordered_json::array({"completion"});
  if (model.fim) capabilities.push_back("insert");
  return json({{"license", ""},
               {"modelfile", ""},
               {"parameters", fmt::format("num_ctx {}", model.context_length)},
               // Continue fills holes only where it finds .Suffix here. The markers themselves are put in by us.
               {"template", model.fim ? "{{ if .Suffix }}{{ .Prompt }}{{ .Suffix }}{{ else }}{{ .Prompt }}{{ end }}"
                                      : "{{ .Prompt }}"},
               {"details", details(model)},
               {"model_info", std::move(info)},
               {"capabilities", std::move(capabilities)}});
}

Result<http::Response> version_page(const Desk&, const http::Request&) { return json({{"version", kOllamaVersion}}); }

Result<http::Response> setting_page(const Desk&, const http::Request&) {
  return json({{"disable_client_side_telemetry", true}});
}

// What a client reports of its user's choices is read by nobody.
Result<http::Response> events_page(const Desk&, const http::Request&) { return json(ordered_json::object()); }

}  // namespace blindbox::api
