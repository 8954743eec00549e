// SPDX-License-Identifier: Apache-2.0
// What is answered without the model making tokens: health, what is loaded, slots, tokens of a text, one's own cache.
#pragma once

#include <string>

#include "blindbox/api/metrics.h"
#include "blindbox/api/protocols.h"
#include "blindbox/http/handler.h"

namespace blindbox::api {

// What a page may look at.
struct Desk {
  completion::Generator& generator;
  const ModelFacts& model;
  Metrics& metrics;
  std::string tenant;        // of whoever asks; "" before anybody is known
  unsigned running = 0;      // requests of that tenant
  bool may_metrics = false;  // the key says so
  bool draining = false;     // nothing new is begun
};

using Page = Result<http::Response> (*)(const Desk& desk, const http::Request& request);

[[nodiscard]] Result<http::Response> health_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> root_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> ready_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> metrics_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> cache_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> forget_page(const Desk& desk, const http::Request& request);
// llama.cpp
[[nodiscard]] Result<http::Response> props_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> slots_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> tokenize_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> detokenize_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> template_page(const Desk& desk, const http::Request& request);
// OpenAI
[[nodiscard]] Result<http::Response> models_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> model_page(const Desk& desk, const http::Request& request);
// TGI
[[nodiscard]] Result<http::Response> info_page(const Desk& desk, const http::Request& request);
// Ollama
[[nodiscard]] Result<http::Response> tags_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> running_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> show_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> version_page(const Desk& desk, const http::Request& request);
// Tabby
[[nodiscard]] Result<http::Response> setting_page(const Desk& desk, const http::Request& request);
[[nodiscard]] Result<http::Response> events_page(const Desk& desk, const http::Request& request);

}  // namespace blindbox::api
