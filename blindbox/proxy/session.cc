// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/internal/session.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>

#include "blindbox/http/error_body.h"
#include "blindbox/net/await.h"
#include "blindbox/proxy/guard.h"
#include "blindbox/proxy/internal/console.h"
#include "blindbox/proxy/route.h"
#include "blindbox/scan/target.h"

namespace blindbox::proxy::internal {
namespace {

namespace asio = net::asio;
using http::Relayed;
using http::RequestHead;
using net::Task;

struct Kind {
  unsigned status;
  const char* type;
};

// What an editor is told when there is no attested connection.
Kind kind_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::not_authentic: return {502, "evidence_not_authentic"};
    case ErrorKind::not_acceptable: return {502, "evidence_not_acceptable"};
    case ErrorKind::malformed: return {502, "evidence_malformed"};
    case ErrorKind::protocol: return {502, "not_a_blindbox"};
    case ErrorKind::network: return {503, "server_unreachable"};
    case ErrorKind::platform: return {503, "no_evidence"};
    default: return {500, "proxy_error"};
  }
}

// Of refusals, what became of the request in the ledger's words.
const char* outcome_of(const Error& error) {
  return error.kind == ErrorKind::network || error.kind == ErrorKind::platform ? "failed" : "refused";
}

// On another thread: what it needs of the state comes along, so that the state never ends there.
Task<scan::Scanned> scan_aside(std::shared_ptr<scan::IgnoreList> ignore, scan::Mode mode, std::string body,
                               std::string coding) {
  co_return scan::scan_body(body, coding, mode, scan::Rules::built_in(), *ignore);
}

}  // namespace

EditorSession::EditorSession(StatePtr state, net::Socket socket, net::Session& session)
    : state_(std::move(state)), session_(session), stream_(std::move(socket)), reader_(stream_) {
  session_.own(stream_);
  stream_.set_write_deadline(state_->options.limits.relay.stall);
}

Task<void> EditorSession::run() {
  // A variable, and no co_await in a condition: g++ 12 lays out a wrong frame for this function otherwise.
  bool more = true;
  while (more && !session_.draining()) more = co_await serve_one();
  co_await stream_.shut_down();
}

Task<bool> EditorSession::refuse(std::string target, unsigned status, std::string type, Error error) {
  auto response = http::error_response(target, status, type, error);
  response.fields.insert(response.fields.end(), added_.begin(), added_.end());
  (void)co_await http::write_response(stream_, response, false);
  co_return false;
}

Task<bool> EditorSession::refuse_entry(UnderWay& entry, std::string target, unsigned status, std::string type,
                                       Error error) {
  entry->status = status;
  co_return co_await refuse(std::move(target), status, std::move(type), std::move(error));
}

Task<bool> EditorSession::refuse_unattested(UnderWay& entry, std::string target, const Pool& pool, Error error) {
  entry->outcome = outcome_of(error);
  const Kind kind = kind_of(error);
  if (const auto seconds = pool.retry_after()) {
    added_.emplace_back("Retry-After", std::to_string(seconds->count()));
    // OpenAI's clients would ask again by themselves, and tell nobody meanwhile.
    added_.emplace_back("X-Should-Retry", "false");
  }
  co_return co_await refuse_entry(entry, std::move(target), kind.status, kind.type, std::move(error));
}

Task<bool> EditorSession::serve_one() {
  added_.clear();
  auto head = co_await reader_.read_head(http::kIdleLimit);
  if (!head && head.error().kind == ErrorKind::network) co_return false;
  if (!head) co_return co_await refuse("/", http::status_for(head.error()), "invalid_request_error", head.error());
  if (!*head) co_return false;
  session_.set_busy(true);
  const bool more = co_await forward(std::move(**head));
  session_.set_busy(false);
  co_return more;
}

Result<void> EditorSession::admit(RequestHead& head) {
  if (auto local = check_local_request(head); !local) return local;
  if (state_->options.token.empty()) {
    std::ignore = take_token(head, "", "");  // what is meant for another proxy of this machine stays on it
    return {};
  }
  // The page's own address may bring it, since a browser's first request has no fields of ours.
  const auto offered = query_member(head.target, "token");
  if (offered && head.target.starts_with("/.blindbox/?")) head.fields.emplace_back(kTokenField, *offered);
  return take_token(head, state_->options.token, state_->cookie);
}

Task<bool> EditorSession::forward(RequestHead head) {
  if (auto admitted = admit(head); !admitted) {
    const bool forbidden = admitted.error().kind == ErrorKind::forbidden;
    const bool unknown = forbidden && !state_->options.token.empty() && check_local_request(head).has_value();
    co_return co_await refuse(head.target,
                              unknown     ? 401
                              : forbidden ? 403
                                          : 404,
                              "invalid_request_error", admitted.error());
  }
  if (is_console(head)) {
    // A stream of events is no work under way: it must not hold up the end of the proxy.
    session_.set_busy(false);
    co_return co_await serve_console(state_, head, reader_, stream_);
  }
  UnderWay entry(state_, head);
  auto name = take_route(head);
  const Server* const server = name ? state_->find(*name) : nullptr;
  entry->path = head.target.substr(0, head.target.find('?'));
  const auto blocked = scan_address(head, entry);  // first: the ledger gets the path of what is refused as well
  if (server == nullptr) {
    entry->outcome = "refused";
    const Error unknown{ErrorKind::protocol, "no server goes by the name that the request gives", "",
                        "\"blindbox status\" lists their names"};
    const Error error = name ? unknown : name.error();
    co_return co_await refuse_entry(entry, head.target, name ? 404 : 400, "invalid_request_error", error);
  }
  if (auto relayed = check_target(head.target); !relayed) {
    entry->outcome = "refused";
    co_return co_await refuse_entry(entry, head.target, 404, "invalid_request_error", relayed.error());
  }
  entry->server = server->name;
  if (blocked) {
    entry->outcome = "blocked";
    co_return co_await refuse_entry(entry, head.target, 403, "blocked_by_scan", *blocked);
  }
  ++state_->requests[server->name];
  state_->changed();
  co_return co_await send(std::move(head), *server, entry);
}

Task<Result<std::string>> EditorSession::read_body(const RequestHead& head) {
  if (head.expects_continue) {
    auto put = co_await stream_.write(base::view("HTTP/1.1 100 Continue\r\n\r\n"));
    if (!put) co_return base::pass_on(put);
  }
  net::Deadline upload(stream_.executor(), [this] { stream_.close(); });
  upload.limit(state_->options.limits.relay.upload);
  upload.start();
  co_return co_await reader_.read_whole_body(http::kBodyLimit);
}

void EditorSession::tell(const std::vector<scan::Finding>& findings, UnderWay& entry) {
  if (findings.empty()) return;
  state_->findings += findings.size();
  for (const scan::Finding& finding : findings) {
    entry->findings.push_back(finding.rule);
    spdlog::warn("request {}: {} in line {} of {} ({})", entry->id, finding.rule, finding.line,
                 finding.place.empty() ? "the body" : finding.place, scan::mode_name(state_->options.scan));
  }
  const std::string told = scan::summary(findings, state_->options.scan);
  // The address was looked through before the body: one field tells of both.
  if (!added_.empty() && added_.front().first == kScanField) {
    added_.front().second += "," + told.substr(told.find(';') + 1);
  } else {
    added_.emplace(added_.begin(), kScanField, told);
  }
}

std::optional<Error> EditorSession::scan_address(const RequestHead& head, UnderWay& entry) {
  if (state_->options.scan == scan::Mode::off || !state_->options.ignore) return std::nullopt;
  auto scanned = scan::scan_target(head.target, state_->options.scan, scan::Rules::built_in(), *state_->options.ignore);
  tell(scanned.findings, entry);
  if (scanned.path) entry->path = *scanned.path;
  return scanned.blocked;
}

// What must not leave is taken out of body; an error where the request must not leave at all.
Task<std::optional<Error>> EditorSession::scan(const RequestHead& head, std::string& body, UnderWay& entry) {
  if (state_->options.scan == scan::Mode::off || !state_->options.ignore || body.empty()) co_return std::nullopt;
  constexpr std::size_t kQuick = 32 * 1024;
  const std::string coding(http::find_field(head.fields, "content-encoding").value_or(""));
  scan::Scanned scanned;
  if (body.size() <= kQuick) {
    scanned = scan::scan_body(body, coding, state_->options.scan, scan::Rules::built_in(), *state_->options.ignore);
  } else {
    scanned = co_await asio::co_spawn(
        state_->scanners, scan_aside(state_->options.ignore, state_->options.scan, body, coding), asio::use_awaitable);
  }
  tell(scanned.findings, entry);
  if (scanned.body) body = std::move(*scanned.body);
  co_return scanned.blocked;
}

Task<bool> EditorSession::send(RequestHead head, const Server& server, UnderWay& entry) {
  auto body = co_await read_body(head);
  if (!body) {
    entry->outcome = body.error().kind == ErrorKind::network ? "cancelled" : "refused";
    const unsigned status = http::status_for(body.error());
    co_return co_await refuse_entry(entry, head.target, status, "invalid_request_error", body.error());
  }
  const auto blocked = co_await scan(head, *body, entry);
  if (blocked) {
    entry->outcome = "blocked";
    co_return co_await refuse_entry(entry, head.target, 403, "blocked_by_scan", *blocked);
  }
  if (state_->options.ledger && state_->options.ledger_required) {
    if (auto ready = state_->options.ledger->ready(); !ready) {
      entry->outcome = "blocked";
      co_return co_await refuse_entry(entry, head.target, 507, "ledger_full", ready.error());
    }
  }
  std::erase_if(head.fields, [](const auto& field) { return http::equal_names(field.first, "host"); });
  head.fields.emplace_back("Host", server.pool->options().server.text());
  std::optional<bool> more;
  for (int attempt = 0; !more; ++attempt) more = co_await exchange(head, *body, server, entry, attempt > 0);
  co_return *more;
}

Task<std::optional<bool>> EditorSession::exchange(const RequestHead& head, const std::string& body,
                                                  const Server& server, UnderWay& entry, bool again) {
  // An object of its own, and no braces in the call: see above.
  const std::function<bool()> gone = [this] { return stream_.gone(); };
  auto connection = co_await server.pool->take(gone);
  if (!connection && connection.error().kind == ErrorKind::cancelled) co_return false;
  if (!connection) co_return co_await refuse_unattested(entry, head.target, *server.pool, connection.error());
  Lease lease(server.pool, std::move(*connection));
  net::TlsStream& upstream = lease->stream();
  http::Fields added = added_;
  added.emplace_back(kVerdictField, lease->verdict().emulated() ? "accepted; EMULATED, NOT A TEE" : "accepted");
  // No answer outlasts its verdict.
  http::RelayLimits limits = state_->options.limits.relay;
  const auto age = std::chrono::duration_cast<net::Duration>(server.pool->age(*lease));
  limits.total = std::max(server.pool->options().verdict_lifetime - age, net::Duration(1));
  entry->verdict = lease->verdict_digest();
  entry->bytes_out = body.size();
  entry->bytes_in = 0;
  entry->sha256 = base::to_hex(base::sha256(base::view(body)));
  http::RelayExtras extras;
  extras.added = &added;
  extras.body = &body;
  extras.answered = &entry->bytes_in;
  extras.reason = [&lease] { return lease.cut(); };
  auto relayed = co_await http::relay(head, reader_, stream_, lease->responses(), upstream, limits, extras);
  entry->status = relayed.status;
  if (relayed.end == Relayed::End::answered) {
    entry->outcome = "answered";
    if (relayed.upstream_reusable) lease.give_back();
    server.pool->warm();
    co_return relayed.client_reusable;
  }
  upstream.close();  // HTTP/1.1 has no other way to say that nobody waits for the answer
  server.pool->warm();
  entry->outcome = relayed.error.kind == ErrorKind::cancelled ? "cancelled" : "failed";
  if (relayed.answer_begun || relayed.error.kind == ErrorKind::cancelled) co_return false;
  if (lease.cut()) co_return co_await refuse_unattested(entry, head.target, *server.pool, *lease.cut());
  const bool broke = relayed.error.kind == ErrorKind::network && relayed.end == Relayed::End::upstream_failed;
  if (broke && !again && may_repeat(head) && !relayed.timed_out) co_return std::nullopt;
  // Twice, on connections that were well: a server that stops, most likely, which is worth coming back to. What must not
  // be repeated may have been done, and 503 would invite to do it again.
  if (broke && may_repeat(head) && !relayed.timed_out)
    co_return co_await refuse_unattested(entry, head.target, *server.pool, relayed.error);
  co_return co_await refuse_entry(entry, head.target, 502, "server_failed", relayed.error);
}

}  // namespace blindbox::proxy::internal
