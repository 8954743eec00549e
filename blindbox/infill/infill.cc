// SPDX-License-Identifier: Apache-2.0
#include "blindbox/infill/infill.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "blindbox/http/client.h"
#include "blindbox/http/event_stream.h"
#include "blindbox/net/socket_stream.h"

namespace blindbox::infill {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

std::string request_body(const Hole& hole, const Options& options) {
  json body = {{"input_prefix", hole.prefix},
               {"input_suffix", hole.suffix},
               {"n_predict", options.max_tokens},
               {"temperature", 0},
               {"cache_prompt", true},
               {"stream", true}};
  for (const Extra& extra : hole.extra)
    body["input_extra"].push_back({{"filename", extra.filename}, {"text", extra.text}});
  if (options.single_line) body["stop"] = {"\n"};
  if (options.time_budget.count() > 0) body["t_max_predict_ms"] = options.time_budget.count();
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

// The proxy's, the gateway's and the engine's words for what went wrong; any other is a failure on the way.
constexpr std::array kErrorTypes = {
    std::pair{"evidence_not_authentic", ErrorKind::not_authentic},
    std::pair{"evidence_not_acceptable", ErrorKind::not_acceptable},
    std::pair{"evidence_malformed", ErrorKind::malformed},
    std::pair{"not_a_blindbox", ErrorKind::protocol},
    std::pair{"no_evidence", ErrorKind::platform},
    std::pair{"invalid_request_error", ErrorKind::malformed},
    std::pair{"exceed_context_size_error", ErrorKind::limit},
    std::pair{"not_supported_error", ErrorKind::model},
};

// The server's error in llama.cpp's shape; protocol where it has another.
Error error_of(const json& error, unsigned status) {
  const auto type = error.is_object() && error.contains("type") ? error["type"] : json();
  const auto message = error.is_object() && error.contains("message") ? error["message"] : json();
  if (!type.is_string() || !message.is_string()) {
    return {ErrorKind::protocol, "the server answered with status " + std::to_string(status),
            "it is no llama.cpp's answer", ""};
  }
  const auto known =
      std::find_if(kErrorTypes.begin(), kErrorTypes.end(), [&](const auto& row) { return type == row.first; });
  return {known == kErrorTypes.end() ? ErrorKind::network : known->second, message, type, ""};
}

struct Progress {
  Filled filled;
  std::optional<Error> error;
  steady_clock::time_point begun = steady_clock::now();
  bool complete = false;

  void take(const std::string& data, const OnText& on_text) {
    const json event = json::parse(data);
    if (event.contains("error")) {
      error = error_of(event["error"], 200);
      return;
    }
    const std::string text = event.value("content", "");
    if (!text.empty() && filled.text.empty()) {
      filled.first_token = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun);
    }
    filled.text += text;
    if (!text.empty()) on_text(text);
    if (!event.value("stop", false)) return;
    filled.out_of_tokens = event.value("stop_type", "") == "limit";
    complete = true;
    filled.tokens = event.value("tokens_predicted", 0U);
    if (event.contains("timings")) filled.tokens_per_second = event["timings"].value("predicted_per_second", 0.0);
  }
};

}  // namespace

net::Task<Result<Filled>> fill(net::HostPort server, Hole hole, Options options, OnText on_text) {
  auto socket = co_await net::connect_tcp(server, std::chrono::seconds(10));
  if (!socket) co_return base::pass_on(socket);
  net::SocketStream stream(std::move(*socket));
  auto filled = co_await fill_over(stream, server.text(), std::move(hole), options, std::move(on_text));
  co_return filled;
}

net::Task<Result<Filled>> fill_over(net::Stream& stream, std::string host, Hole hole, Options options, OnText on_text) {
  http::Exchange request{"POST", "/infill", {{"Content-Type", "application/json"}}, request_body(hole, options)};
  Progress progress;
  http::EventStream events;
  std::string plain;
  std::size_t received = 0;
  http::OnPiece on_piece = [&](ByteView piece) {
    received += piece.size();
    if (received > kAnswerCap) progress.error = Error{ErrorKind::limit, "the server's answer does not end", "", ""};
    if (plain.size() < 64 * 1024) plain += base::as_text(piece);
    try {
      for (const std::string& data : events.feed(base::as_text(piece))) progress.take(data, on_text);
    } catch (const json::exception&) {
      progress.error = Error{ErrorKind::protocol, "the server's stream is not llama.cpp's", "", ""};
    }
    return !progress.error;
  };
  auto answer = co_await http::exchange_over(stream, std::move(host), std::move(request), std::move(on_piece));
  if (!answer) co_return base::pass_on(answer);
  if (answer->status != 200) {
    const json body = json::parse(plain, nullptr, false);
    progress.error = error_of(body.is_object() && body.contains("error") ? body["error"] : json(), answer->status);
  }
  if (progress.error) co_return tl::unexpected<Error>(*progress.error);
  progress.filled.verdict = http::find_field(answer->fields, kVerdictField).value_or("");
  progress.filled.emulated = progress.filled.verdict.find("EMULATED") != std::string::npos;
  if (!progress.complete) co_return base::fail(ErrorKind::network, "the completion was cut off");
  co_return std::move(progress.filled);
}

}  // namespace blindbox::infill
