// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/routes.h"

#include <algorithm>
#include <array>

namespace blindbox::api {
namespace {

using Match = Route::Match;

constexpr Route ask(std::string_view path, Parse parse, const char* protocol, Shape shape = Shape::openai,
                    Match match = Match::exact) {
  return {"POST", path, parse, nullptr, protocol, shape, false, match};
}
constexpr Route page(std::string_view method, std::string_view path, Page page, const char* protocol,
                     Shape shape = Shape::openai) {
  return {method, path, nullptr, page, protocol, shape, false, Match::exact};
}
constexpr Route open_page(std::string_view method, std::string_view path, Page page, const char* protocol,
                          Match match = Match::exact) {
  return {method, path, nullptr, page, protocol, Shape::openai, true, match};
}

// Work for the engine's vocabulary: as much of it as anybody likes would slow down everybody.
constexpr Route counted_page(std::string_view path, Page page, const char* protocol) {
  return {"POST", path, nullptr, page, protocol, Shape::openai, false, Match::exact, true};
}

constexpr std::array kRoutes = {
    open_page("GET", "/", &root_page, "server"),
    open_page("GET", "/health", &health_page, "server"),
    open_page("GET", "/ready", &ready_page, "server"),
    page("GET", "/metrics", &metrics_page, "server"),
    page("GET", "/cache", &cache_page, "server"),
    page("DELETE", "/cache", &forget_page, "server"),

    ask("/infill", &parse_infill, "llama.cpp"),
    ask("/completion", &parse_completion, "llama.cpp"),
    ask("/completions", &parse_bare_completions, "llama.cpp"),
    page("GET", "/props", &props_page, "llama.cpp"),
    page("GET", "/slots", &slots_page, "llama.cpp"),
    counted_page("/tokenize", &tokenize_page, "llama.cpp"),
    counted_page("/detokenize", &detokenize_page, "llama.cpp"),
    counted_page("/apply-template", &template_page, "llama.cpp"),

    ask("/v1/completions", &parse_completions, "openai"),
    ask("/v1/chat/completions", &parse_chat, "openai"),
    ask("/chat/completions", &parse_chat, "openai"),
    ask("/fim/completions", &parse_fim, "openai", Shape::openai, Match::end),
    open_page("GET", "/v1/models", &models_page, "openai"),
    open_page("GET", "/models", &models_page, "openai"),
    open_page("GET", "/v1/models/", &model_page, "openai", Match::beginning),
    // Whatever stands before it: "/v1/engines/x", "/openai/deployments/x", "/beta", "/api/v1" are bases of clients.
    ask("/chat/completions", &parse_chat, "openai", Shape::openai, Match::below),
    ask("/completions", &parse_completions, "openai", Shape::openai, Match::below),
    open_page("GET", "/models", &models_page, "openai", Match::below),

    ask("/generate", &parse_generate, "tgi", Shape::generate),
    ask("/generate_stream", &parse_tgi_stream, "tgi", Shape::tgi),
    ask("/", &parse_tgi, "tgi", Shape::tgi),
    page("GET", "/info", &info_page, "tgi", Shape::tgi),

    ask("/api/generate", &parse_ollama_generate, "ollama", Shape::ollama),
    ask("/api/chat", &parse_ollama_chat, "ollama", Shape::ollama),
    page("GET", "/api/tags", &tags_page, "ollama", Shape::ollama),
    page("GET", "/api/ps", &running_page, "ollama", Shape::ollama),
    page("POST", "/api/show", &show_page, "ollama", Shape::ollama),
    page("GET", "/api/version", &version_page, "ollama", Shape::ollama),

    open_page("GET", "/v1/health", &health_page, "tabby"),
    open_page("POST", "/v1/health", &health_page, "tabby"),
    page("GET", "/v1beta/server_setting", &setting_page, "tabby"),
    page("POST", "/v1/events", &events_page, "tabby"),
};

// Without the query, and without the slashes too many that come of a base address which ends in one.
std::string path_of(std::string_view target) {
  std::string path;
  for (const char c : target.substr(0, target.find('?'))) {
    if (c != '/' || !path.ends_with('/')) path += c;
  }
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// What servers of these protocols answer and this one does not, at the end of a path.
struct NotOffered {
  std::string_view path;
  const char* what;
  const char* hint;
};
constexpr const char* kOneModel = "the one that was given at the start answers whatever name a request has";
constexpr std::array kNotOffered = {
    NotOffered{"/embedding", "embeddings are not made here", ""},
    NotOffered{"/embeddings", "embeddings are not made here", ""},
    NotOffered{"/embed", "embeddings are not made here", ""},
    NotOffered{"/rerank", "nothing is ranked here", ""},
    NotOffered{"/reranking", "nothing is ranked here", ""},
    NotOffered{"/responses", "the responses API is not spoken here", "ask /v1/chat/completions"},
    NotOffered{"/messages", "Anthropic's API is not spoken here", "ask /v1/chat/completions"},
    NotOffered{"/moderations", "nothing is moderated here", ""},
    NotOffered{"/lora-adapters", "there are no adapters here", ""},
    NotOffered{"/api/pull", "models are not loaded by request", kOneModel},
    NotOffered{"/api/push", "models are not loaded by request", kOneModel},
    NotOffered{"/api/create", "models are not loaded by request", kOneModel},
    NotOffered{"/api/copy", "models are not loaded by request", kOneModel},
    NotOffered{"/api/delete", "models are not loaded by request", kOneModel},
};

bool matches(const Route& route, std::string_view path) {
  switch (route.match) {
    case Match::end: return path.ends_with(route.path);
    case Match::below: return path.ends_with(route.path) && path.size() > route.path.size();
    case Match::beginning: return path.starts_with(route.path) && path.size() > route.path.size();
    default: return path == route.path;
  }
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Found find_route(std::string_view method, std::string_view target) {
  const std::string path = path_of(target);
  if (method == "HEAD") method = "GET";
  Found found;
  for (const Route& route : kRoutes) {
    if (!matches(route, path)) continue;
    if (route.method == method) return {&route, {}};
    if (found.allowed.find(route.method) != std::string::npos) continue;  // more than one route takes it
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  return found;
}

std::optional<Error> not_offered(std::string_view target) {
  const std::string path = path_of(target);
  for (const NotOffered& row : kNotOffered) {
    if (path.ends_with(row.path)) return Error{ErrorKind::model, row.what, {}, row.hint};
  }
  return std::nullopt;
}

Shape shape_of(std::string_view target) {
  const std::string path = path_of(target);
  const auto route = std::find_if(kRoutes.begin(), kRoutes.end(), [&](const Route& row) { return matches(row, path); });
  if (route != kRoutes.end()) return route->shape;
  return path.starts_with("/api/") ? Shape::ollama : Shape::openai;
}

}  // namespace blindbox::api
