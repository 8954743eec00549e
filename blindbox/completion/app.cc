// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/app.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "blindbox/base/clock.h"
#include "blindbox/base/digest.h"
#include "blindbox/http/error_body.h"

namespace blindbox::completion {
namespace {

constexpr const char* kJson = "application/json";

struct Route {
  std::string_view path;
  std::string_view method;
  Result<ApiRequest> (*parse)(std::string_view);  // null: answered without the engine
};
constexpr std::array kRoutes = {
    Route{"/infill", "POST", &parse_infill},     Route{"/v1/completions", "POST", &parse_completions},
    Route{"/generate", "POST", &parse_generate}, Route{"/health", "GET", nullptr},
    Route{"/v1/models", "GET", nullptr},
};

std::string paths() {
  std::string out;
  for (const Route& route : kRoutes) {
    out += (out.empty() ? "" : ", ") + std::string(route.method) + " " + std::string(route.path);
  }
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

// The digest of the API key, never the key.
std::string tenant_of(const http::Request& request, const std::string& connection_field) {
  std::string keys;
  std::string connection;
  for (const auto& [name, value] : request.fields) {
    if (equal_ignoring_case(name, "authorization") || equal_ignoring_case(name, "x-api-key")) keys += value + '\n';
    if (!connection_field.empty() && equal_ignoring_case(name, connection_field)) connection = "connection " + value;
  }
  return keys.empty() ? connection : base::to_hex(base::sha256(base::view(keys)));
}

struct Status {
  unsigned code;
  const char* type;
};

Status status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::malformed: return {400, "invalid_request_error"};
    case ErrorKind::limit: return {400, "exceed_context_size_error"};
    case ErrorKind::model: return {501, "not_supported_error"};
    case ErrorKind::cancelled: return {503, "unavailable_error"};
    default: return {500, "server_error"};
  }
}

void refuse(const http::Request& request, http::ResponseSink& sink, const Error& error) {
  // A limit with a hint is the queue's: come again. One without is the prompt's.
  const bool busy = error.kind == ErrorKind::limit && !error.hint.empty();
  const Status status = status_of(busy ? ErrorKind::cancelled : error.kind);
  http::Response response = http::error_response(request.target, status.code, status.type, error);
  if (status.code == 503) response.fields.emplace_back("Retry-After", "2");
  sink.respond(std::move(response));
}

// Passes text on as it comes, or keeps it for one answer.
class Answer final : public Listener {
 public:
  Answer(const AnswerAbout& about, http::ResponseSink& sink) : about_(about), sink_(sink) {}

  bool on_text(std::string_view text) override {
    text_ += text;
    if (!about_.asked.stream) return true;
    begin();
    return sink_.write(stream_piece(about_, text));
  }

  void finish(const http::Request& request, const Result<Outcome>& outcome) {
    if (!outcome && !begun_) return refuse(request, sink_, outcome.error());
    if (!about_.asked.stream) return sink_.respond({200, kJson, full_answer(about_, text_, *outcome), {}});
    begin();
    // Where the client is gone the server drops what is written.
    sink_.write(outcome ? stream_end(about_, text_, *outcome) : stream_error(outcome.error()));
    sink_.end();
  }

 private:
  // Only now: until the first text an error can still be told by the status.
  void begin() {
    if (!begun_) sink_.begin_stream(200, "text/event-stream");
    begun_ = true;
  }

  const AnswerAbout& about_;
  http::ResponseSink& sink_;
  std::string text_;
  bool begun_ = false;
};

}  // namespace

App::App(std::unique_ptr<Generator> generator, AppSettings settings)
    : generator_(std::move(generator)), settings_(std::move(settings)) {}

http::Handler App::handler() {
  return [this](const http::Request& request, http::ResponseSink& sink, const std::stop_token& stop) {
    handle(request, sink, stop);
  };
}

void App::handle(const http::Request& request, http::ResponseSink& sink, const std::stop_token& stop) {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  const auto route = std::find_if(kRoutes.begin(), kRoutes.end(), [&](const Route& row) { return row.path == path; });
  if (route == kRoutes.end()) {
    const Error error{ErrorKind::usage, "there is nothing at this path", {}, "known are " + paths()};
    return sink.respond(http::error_response(request.target, 404, "not_found_error", error));
  }
  if (request.method != route->method) {
    const Error error{ErrorKind::usage, "this path takes " + std::string(route->method), {}, {}};
    http::Response response = http::error_response(request.target, 405, "invalid_request_error", error);
    response.fields.emplace_back("Allow", route->method);
    return sink.respond(std::move(response));
  }
  if (route->parse != nullptr) return complete(request, route->parse(request.body), sink, stop);
  sink.respond({200, kJson, path == "/health" ? health_answer() : models_answer(generator_->info()), {}});
}

void App::complete(const http::Request& request, Result<ApiRequest> parsed, http::ResponseSink& sink,
                   const std::stop_token& stop) {
  if (!parsed) return refuse(request, sink, parsed.error());
  parsed->request.tenant = tenant_of(request, settings_.connection_field);
  parsed->request.deadline = std::chrono::steady_clock::now() + settings_.time_limit;
  const AnswerAbout about{generator_->info(), *parsed, "cmpl-" + base::to_hex(base::random_bytes(12)),
                          base::now().time_since_epoch().count()};
  Answer answer(about, sink);
  auto outcome = generator_->generate(parsed->request, answer, stop);
  // Either nobody listens any more or the server goes down: half a text must not pass for a whole one.
  if (outcome && outcome->reason == StopReason::cancelled) {
    outcome = base::fail(ErrorKind::cancelled, "the request was cancelled");
  }
  answer.finish(request, outcome);
}

}  // namespace blindbox::completion
