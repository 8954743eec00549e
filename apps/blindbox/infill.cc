// SPDX-License-Identifier: Apache-2.0
#include "infill.h"

#include <nlohmann/json.hpp>

#include "blindbox/http/client.h"
#include "blindbox/http/event_stream.h"

namespace blindbox::apps {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

std::string request_body(const Hole& hole, const InfillOptions& options) {
  json body = {{"input_prefix", hole.prefix}, {"input_suffix", hole.suffix}, {"n_predict", options.max_tokens},
               {"temperature", 0}, {"stream", true}};
  if (options.single_line) body["stop"] = {"\n"};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

// The server's error in llama.cpp's shape, or the text as it came.
Error error_of(const json& event) {
  const json& error = event.at("error");
  const std::string type = error.value("type", "");
  const ErrorKind kind = type == "attestation_refused" ? ErrorKind::refused : ErrorKind::network;
  return {kind, error.value("message", "the server reports an error"), type, ""};
}

struct Progress {
  Filled filled;
  std::optional<Error> error;
  steady_clock::time_point begun = steady_clock::now();
  bool complete = false;

  void take(const std::string& data, const OnText& on_text) {
    const json event = json::parse(data);
    if (event.contains("error")) {
      error = error_of(event);
      return;
    }
    const std::string text = event.value("content", "");
    if (!text.empty() && filled.text.empty()) {
      filled.first_token = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun);
    }
    filled.text += text;
    if (!text.empty()) on_text(text);
    if (!event.value("stop", false)) return;
    complete = true;
    filled.tokens = event.value("tokens_predicted", 0U);
    if (event.contains("timings")) filled.tokens_per_second = event["timings"].value("predicted_per_second", 0.0);
  }
};

}  // namespace

net::Task<Result<Filled>> infill(const net::HostPort& server, const Hole& hole, const InfillOptions& options, OnText on_text) {
  http::Exchange request{"POST", "/infill", {{"Content-Type", "application/json"}}, request_body(hole, options)};
  Progress progress;
  http::EventStream events;
  std::string plain;
  auto answer = co_await http::exchange(server, std::move(request), [&](ByteView piece) {
    if (plain.size() < 64 * 1024) plain += base::as_text(piece);
    try {
      for (const std::string& data : events.feed(base::as_text(piece))) progress.take(data, on_text);
    } catch (const json::exception&) {
      progress.error = Error{ErrorKind::protocol, "the server's stream is not llama.cpp's", "", ""};
    }
    return !progress.error;
  });
  if (!answer) co_return base::pass_on(answer);
  if (answer->status != 200) {
    const json body = json::parse(plain, nullptr, false);
    if (body.is_object() && body.contains("error")) progress.error = error_of(body);
    else progress.error = Error{ErrorKind::protocol, "the server answered with status " + std::to_string(answer->status), "", ""};
  }
  if (progress.error) co_return tl::unexpected<Error>(*progress.error);
  if (!progress.complete) co_return base::fail(ErrorKind::network, "the completion was cut off");
  co_return std::move(progress.filled);
}

}  // namespace blindbox::apps
