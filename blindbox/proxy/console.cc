// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/internal/console.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <charconv>

#include "blindbox/http/error_body.h"
#include "blindbox/ledger/reader.h"
#include "blindbox/net/await.h"
#include "blindbox/page/page.h"
#include "blindbox/proxy/guard.h"

namespace blindbox::proxy::internal {
namespace {

namespace asio = net::asio;
using http::RequestHead;
using http::Response;
using net::Task;
using nlohmann::json;

// A page from elsewhere can post a form here, but not with a field of its own (it would need leave, and gets none).
constexpr std::string_view kPageField = "Blindbox-Page";
constexpr std::size_t kBodyCap = 4096;

std::string_view path_of(const RequestHead& head) {
  return std::string_view(head.target).substr(0, head.target.find('?'));
}

Response answer(unsigned status, const json& body) {
  Response response{status, "application/json", body.dump(-1, ' ', false, json::error_handler_t::replace), {}};
  response.fields = page::security_fields();
  response.fields.emplace_back("Cache-Control", "no-store");
  return response;
}

Response refusal(unsigned status, const Error& error) {
  return answer(status, json::parse(http::error_response("/", status, "invalid_request_error", error).body));
}

Response redirect(std::string to) {
  Response response{307, "text/plain", "", page::security_fields()};
  response.fields.emplace_back("Location", std::move(to));
  return response;
}

// "?token=...": a browser cannot send fields of ours with its first request, so its address brings the token, and a
// cookie for this address alone takes its place. The guard has let the request in; what was offered may still be another
// token than ours, beside a cookie that is good.
Response token_redirect(const std::string& cookie, const std::string& token) {
  Response response = redirect(std::string(page::kRoot));
  response.fields.emplace_back("Set-Cookie", cookie + "=" + token + "; Path=/; HttpOnly; SameSite=Strict");
  return response;
}

Response asset(const RequestHead& head, const page::Asset& found) {
  Response response{200, std::string(found.content_type), std::string(found.body), page::security_fields()};
  response.fields.emplace_back("ETag", std::string(found.etag));
  response.fields.emplace_back("Cache-Control", "no-cache");
  if (http::find_field(head.fields, "if-none-match") == found.etag) {
    response.status = 304;
    response.body.clear();
  }
  return response;
}

// adder: null where no ledger is kept.
Response ledger_page(ledger::Adder* adder, const std::string& folder, std::string_view target) {
  constexpr std::size_t kMost = 1000;
  std::size_t limit = 100;
  if (const auto text = query_member(target, "limit")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc{} || end != text->data() + text->size() || limit == 0 || limit > kMost) {
      return refusal(400, {ErrorKind::protocol, "limit must be a number from 1 to 1000", "", ""});
    }
  }
  std::optional<ledger::Time> before;
  if (const auto text = query_member(target, "before")) {
    std::string plain(*text);
    for (auto at = plain.find("%3A"); at != std::string::npos; at = plain.find("%3A")) plain.replace(at, 3, ":");
    for (auto at = plain.find("%3a"); at != std::string::npos; at = plain.find("%3a")) plain.replace(at, 3, ":");
    auto time = ledger::parse_time(plain);
    if (!time) return refusal(400, time.error());
    before = *time;
  }
  json entries = json::array();
  ledger::Sums sums;
  if (adder) {
    for (const auto& entry : ledger::newest(folder, limit, before)) entries.push_back(ledger::to_json(entry));
    sums = adder->sums();
  }
  return answer(200, {{"entries", std::move(entries)},
                      {"sums",
                       {{"requests", sums.requests},
                        {"bytes_out", sums.bytes_out},
                        {"bytes_in", sums.bytes_in},
                        {"refused", sums.refused}}}});
}

// On another thread, since a ledger may hold hundreds of megabytes; a copy of what it needs comes along.
Task<Response> ledger_aside(std::shared_ptr<ledger::Adder> adder, std::string folder, std::string target) {
  co_return ledger_page(adder.get(), folder, target);
}

Task<Response> pause(StatePtr state, std::string body) {
  const json asked = json::parse(body, nullptr, false);
  if (!asked.is_object() || !asked.contains("paused") || !asked["paused"].is_boolean()) {
    co_return refusal(400, {ErrorKind::protocol, "expected {\"paused\":true} or {\"paused\":false}", "", ""});
  }
  const bool on = asked["paused"].get<bool>();
  for (const Server& server : state->options.servers) {
    server.pool->pause(on);
    if (!on) server.pool->warm();
  }
  co_return answer(200, status_json(*state));
}

Task<Response> attest(StatePtr state) {
  for (const Server& server : state->options.servers) {
    if (server.pool->standing() == Standing::paused) continue;
    (void)co_await server.pool->attest();  // what comes of it is in the status
  }
  co_return answer(200, status_json(*state));
}

Task<Response> act(StatePtr state, const RequestHead& head, http::RequestReader& reader) {
  if (http::find_field(head.fields, kPageField) != "1") {
    co_return refusal(403, {ErrorKind::forbidden, "the field Blindbox-Page: 1 is missing", "", ""});
  }
  auto body = co_await reader.read_whole_body(kBodyCap);
  if (!body) co_return refusal(http::status_for(body.error()), body.error());
  const std::string_view path = path_of(head);
  Response response;
  if (path == "/.blindbox/api/pause") {
    response = co_await pause(state, std::move(*body));
  } else {
    response = co_await attest(state);
  }
  co_return response;
}

// A comment now and then shows a listener that is gone; what comes close together is told together.
Task<void> tell(StatePtr state, net::Stream& stream, Listener& listener) {
  constexpr auto kQuiet = std::chrono::seconds(15);
  constexpr auto kTogether = std::chrono::milliseconds(100);
  while (true) {
    std::string events;
    while (!listener.entries.empty()) {
      events += "event: ledger\ndata: " + listener.entries.front() + "\n\n";
      listener.entries.pop_front();
    }
    if (std::exchange(listener.changed, false)) {
      events +=
          "event: status\ndata: " + status_json(*state).dump(-1, ' ', false, json::error_handler_t::replace) + "\n\n";
    }
    if (events.empty()) events = ": \n\n";
    auto put = co_await http::write_piece(stream, base::view(events), http::Framing::Kind::chunked);
    if (!put) co_return;
    listener.timer.expires_after(kTogether);
    (void)co_await listener.timer.async_wait(net::kAwait);
    if (listener.changed || !listener.entries.empty()) continue;
    listener.timer.expires_after(kQuiet);
    (void)co_await listener.timer.async_wait(net::kAwait);
  }
}

Task<void> stream_events(StatePtr state, http::RequestReader& reader, net::Stream& stream) {
  using asio::experimental::awaitable_operators::operator||;
  http::ResponseHead head{200, page::security_fields(), {http::Framing::Kind::chunked, 0}, true};
  head.fields.emplace_back("Content-Type", "text/event-stream");
  head.fields.emplace_back("Cache-Control", "no-store");
  const std::string text = http::write_head(head);
  auto put = co_await stream.write(base::view(text));
  if (!put) co_return;
  Listener listener(stream.executor());
  struct Listening {
    State& state;
    std::list<Listener*>::iterator here;
    ~Listening() { state.listeners.erase(here); }
  };
  const Listening listening{*state, state->listeners.insert(state->listeners.end(), &listener)};
  co_await (tell(state, stream, listener) || reader.wait_for_end());
}

Response get(const State& state, const RequestHead& head) {
  const std::string_view path = path_of(head);
  if (path == "/.blindbox/api/status") return answer(200, status_json(state));
  const auto token = query_member(head.target, "token");
  if (path == page::kRoot && token && !state.options.token.empty()) {
    return token_redirect(state.cookie, state.options.token);
  }
  if (path == "/" || path == "/.blindbox") return redirect(std::string(page::kRoot));
  if (const auto found = page::find_asset(path)) return asset(head, *found);
  return refusal(404, {ErrorKind::protocol, "there is nothing at this path of the proxy", "", ""});
}

}  // namespace

bool is_console(const RequestHead& head) {
  const std::string_view path = path_of(head);
  if (path == "/.blindbox" || path.starts_with(page::kRoot)) return true;
  const auto accept = http::find_field(head.fields, "accept");
  return path == "/" && head.method == "GET" && accept && accept->find("text/html") != std::string_view::npos;
}

Task<bool> serve_console(StatePtr state, const RequestHead& head, http::RequestReader& reader, net::Stream& stream) {
  const std::string_view path = path_of(head);
  const bool events = path == "/.blindbox/api/events";
  const bool actions = path == "/.blindbox/api/pause" || path == "/.blindbox/api/attest";
  const bool reads = head.method == "GET" || head.method == "HEAD";
  if (events && head.method == "GET") {
    co_await stream_events(state, reader, stream);
    co_return false;
  }
  Response response;
  if (actions && head.method == "POST") {
    response = co_await act(state, head, reader);
  } else if (actions || !reads) {
    response = refusal(405, {ErrorKind::protocol, actions ? "this path takes POST" : "this path takes GET", "", ""});
    response.fields.emplace_back("Allow", actions ? "POST" : "GET");
  } else if (path == "/.blindbox/api/ledger") {
    if (state->options.ledger && !state->adder) {
      state->adder = std::make_shared<ledger::Adder>(state->options.ledger_folder);
    }
    auto reading = ledger_aside(state->adder, state->options.ledger_folder, head.target);
    response = co_await asio::co_spawn(state->readers, std::move(reading), asio::use_awaitable);
  } else {
    response = get(*state, head);
  }
  const bool more = head.keep_alive && reader.complete();
  auto put = co_await http::write_response(stream, response, more, head.method == "HEAD");
  co_return put&& more;
}

}  // namespace blindbox::proxy::internal
