// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/app.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "blindbox/api/internal/run.h"
#include "blindbox/base/clock.h"
#include "blindbox/base/digest.h"

namespace blindbox::api {
namespace {

using internal::Run;

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

// The last value of the field, "" where there is none.
std::string_view field_of(const http::Request& request, std::string_view name) {
  std::string_view found;
  for (const auto& [field, value] : request.fields) {
    if (equal_ignoring_case(field, name)) found = value;
  }
  return found;
}

// Where keys come beside Authorization; the second is what Azure's clients send.
constexpr std::array<std::string_view, 2> kKeyFields = {"x-api-key", "api-key"};

bool may_hold_key(std::string_view field) {
  return equal_ignoring_case(field, "authorization") ||
         std::any_of(kKeyFields.begin(), kKeyFields.end(), [&](auto name) { return equal_ignoring_case(field, name); });
}

// Authorization: Bearer KEY, or a field of kKeyFields.
std::string_view presented_key(const http::Request& request) {
  constexpr std::string_view kScheme = "bearer ";
  std::string_view value = field_of(request, "authorization");
  if (value.size() > kScheme.size() && equal_ignoring_case(value.substr(0, kScheme.size()), kScheme)) {
    value.remove_prefix(kScheme.size());
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  for (const std::string_view name : kKeyFields) {
    if (const std::string_view key = field_of(request, name); !key.empty()) return key;
  }
  return {};
}

// Where no keys are kept: the digest of whatever was shown, never the key itself; else the connection.
std::string anonymous_tenant(const http::Request& request, const std::string& connection_field) {
  std::string shown;
  for (const auto& [name, value] : request.fields) {
    if (may_hold_key(name)) shown += value + '\n';
  }
  if (!shown.empty()) return base::to_hex(base::sha256(base::view(shown)));
  if (connection_field.empty()) return {};
  const std::string_view connection = field_of(request, connection_field);
  return connection.empty() ? std::string() : "connection " + std::string(connection);
}

std::string paths() {
  std::string out;
  for (const Route& route : routes()) {
    out += (out.empty() ? "" : ", ") + std::string(route.method) + " " + std::string(route.path);
  }
  return out;
}

Metrics::Result result_of(unsigned status) {
  if (status < 400) return Metrics::Result::answered;
  if (status == 499) return Metrics::Result::cancelled;
  return status < 500 || status == 501 || status == 503 ? Metrics::Result::refused : Metrics::Result::failed;
}

// The path of the table, never the one that was sent: somebody may have put code into it. Times in three coarse classes.
void log_request(const Route& route, unsigned status, std::chrono::steady_clock::duration took) {
  const char* const time = took < std::chrono::seconds(1) ? "<1s" : took < std::chrono::seconds(10) ? "<10s" : ">=10s";
  spdlog::debug(R"({{"event":"request","protocol":"{}","path":"{}","status":{},"took":"{}"}})", route.protocol,
                route.path, status, time);
}

}  // namespace

App::App(std::unique_ptr<completion::Generator> generator, AppSettings settings)
    : generator_(std::move(generator)),
      settings_(std::move(settings)),
      model_{generator_->info(), generator_->chat_text({{"user", "x"}}).has_value()} {}

http::Handler App::handler() {
  return [this](const http::Request& request, http::ResponseSink& sink, const std::stop_token& stop) {
    handle(request, sink, stop);
  };
}

void App::handle(const http::Request& request, http::ResponseSink& sink, const std::stop_token& stop) {
  const Found found = find_route(request.method, request.target);
  if (found.route == nullptr) {
    const bool known = !found.allowed.empty();
    if (auto missing = known ? std::nullopt : not_offered(request.target)) {
      return sink.respond(refusal({501, "not_supported_error", std::move(*missing), 0}, shape_of(request.target)));
    }
    Failure failure{known ? 405U : 404U, known ? "invalid_request_error" : "not_found_error", {}, 0};
    failure.error = known ? Error{ErrorKind::usage, "this path takes " + found.allowed, {}, {}}
                          : Error{ErrorKind::usage, "there is nothing at this path", {}, "known are " + paths()};
    http::Response response = refusal(failure, shape_of(request.target));
    if (known) response.fields.emplace_back("Allow", found.allowed);
    return sink.respond(std::move(response));
  }
  const auto begun = std::chrono::steady_clock::now();
  const unsigned status = answer(*found.route, request, sink, stop);
  metrics_.count(found.route->protocol, result_of(status));
  log_request(*found.route, status, std::chrono::steady_clock::now() - begun);
}

unsigned App::refuse(const Route& route, http::ResponseSink& sink, const Failure& failure) {
  sink.respond(refusal(failure, route.shape));
  return failure.status;
}

tl::expected<App::Visitor, Failure> App::visitor(const http::Request& request, const Route& route) const {
  if (!settings_.keys) return Visitor{anonymous_tenant(request, settings_.connection_field), {}, false};
  const std::string_view presented = presented_key(request);
  const auto key = settings_.keys->find(presented, base::now());
  if (key) return Visitor{"tenant " + key->tenant, key->limits, key->metrics};
  if (route.open) return Visitor{};
  Error error{ErrorKind::forbidden, presented.empty() ? "this server wants an API key" : "this API key is not known",
              "", "send \"Authorization: Bearer KEY\" or \"X-Api-Key: KEY\"; \"blindbox key add\" makes keys"};
  return tl::unexpected(Failure{401, "authentication_error", std::move(error), 0});
}

tl::expected<keys::Ticket, Failure> App::admit(const Visitor& visitor) {
  auto ticket = ledger_.admit(visitor.tenant, visitor.limits, {std::chrono::steady_clock::now(), base::now()});
  if (ticket) return std::move(*ticket);
  return tl::unexpected(Failure{429, "rate_limit_error", ticket.error().error, ticket.error().retry_after});
}

Desk App::desk(const Visitor& visitor) {
  return {*generator_,         model_,   metrics_, visitor.tenant, ledger_.running(visitor.tenant),
          visitor.may_metrics, draining_};
}

unsigned App::answer(const Route& route, const http::Request& request, http::ResponseSink& sink,
                     const std::stop_token& stop) {
  const auto who = visitor(request, route);
  if (!who) return refuse(route, sink, who.error());
  const std::string_view coding = field_of(request, "content-encoding");
  if (!coding.empty() && !equal_ignoring_case(coding, "identity")) {
    const Error error{ErrorKind::malformed, "compressed requests are not taken", "", "send the JSON as it is"};
    return refuse(route, sink, {415, "invalid_request_error", error, 0});
  }
  if (route.parse != nullptr) return complete(route, request, *who, sink, stop);
  std::optional<keys::Ticket> ticket;
  if (route.counted) {
    auto admitted = admit(*who);
    if (!admitted) return refuse(route, sink, admitted.error());
    ticket.emplace(std::move(*admitted));
  }
  auto response = route.page(desk(*who), request);
  if (!response) {
    Failure failure = failure_of(response.error(), route.shape);
    if (failure.error.kind == ErrorKind::forbidden) failure = {403, "permission_error", failure.error, 0};
    return refuse(route, sink, failure);
  }
  const unsigned status = response->status;
  sink.respond(std::move(*response));
  return status;
}

unsigned App::complete(const Route& route, const http::Request& request, const Visitor& visitor,
                       http::ResponseSink& sink, const std::stop_token& stop) {
  if (draining_) {
    const Error error{ErrorKind::limit, "this server is about to stop", "", "try again in some seconds"};
    return refuse(route, sink, {503, "unavailable_error", error, 2});
  }
  const auto begun = std::chrono::steady_clock::now();
  auto ticket = admit(visitor);
  if (!ticket) return refuse(route, sink, ticket.error());
  auto call = route.parse(request.body, model_);
  if (!call) return refuse(route, sink, failure_of(call.error(), route.shape));
  for (completion::Request& one : call->requests) {
    one.tenant = visitor.tenant;
    one.deadline = begun + settings_.time_limit;
  }
  const About about{generator_->info(), *call, base::to_hex(base::random_bytes(12)),
                    base::now().time_since_epoch().count()};
  Run run(*generator_, about, *call, route.shape, sink);
  const Run::End end = run.run(stop);
  ticket->spend(run.spent(), base::now());
  if (end != Run::End::answered) return end == Run::End::cancelled ? 499 : end == Run::End::failed ? 500 : 400;
  const auto took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun);
  const double first = run.said().front().outcome.timings.first_token_ms;
  if (call->requests.front().max_tokens > 0) metrics_.observe(first, took.count());
  return 200;
}

}  // namespace blindbox::api
