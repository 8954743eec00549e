// SPDX-License-Identifier: Apache-2.0
#include "blindbox/fetch/web.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <random>
#include <thread>

#include "blindbox/fetch/certificates.h"
#include "blindbox/fetch/json.h"
#include "blindbox/http/retry.h"
#include "blindbox/net/deadline.h"
#include "blindbox/net/web.h"

namespace blindbox::fetch {
namespace {

using base::fail;
using std::chrono::steady_clock;

constexpr unsigned kMostRedirects = 5;
constexpr unsigned kTooMany = 429;
// What comes more slowly than this, after a while of patience, is no transfer but an attempt to keep us here.
constexpr double kSlowest = 512;  // bytes a second

bool is_slow(std::uint64_t bytes, steady_clock::time_point since) {
  const std::chrono::duration<double> spent = steady_clock::now() - since;
  return static_cast<double>(bytes) < kSlowest * spent.count();
}

std::string seconds(net::Duration time) { return std::to_string((time.count() + 999) / 1000) + " s"; }

bool is_redirect(unsigned status) {
  constexpr std::array<unsigned, 5> kRedirects = {301, 302, 303, 307, 308};
  return std::find(kRedirects.begin(), kRedirects.end(), status) != kRedirects.end();
}

bool is_busy(unsigned status) {
  constexpr std::array<unsigned, 6> kBusy = {408, kTooMany, 500, 502, 503, 504};
  return std::find(kBusy.begin(), kBusy.end(), status) != kBusy.end();
}

double jitter() {
  thread_local std::mt19937 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

std::string WebAnswer::field(std::string_view name) const {
  return std::string(http::find_field(fields, name).value_or(""));
}

std::string explain(const WebAnswer& answer) {
  std::string out = answer.url.authority() + " answered with status " + std::to_string(answer.status);
  const auto parsed = parse_json(base::view(answer.body), answer.body.size(), "the answer");
  if (!parsed) return out;
  if (const auto error = parsed->find("error"); error != parsed->end() && error->is_string()) {
    return out + ": " + shown(error->get_ref<const std::string&>());
  }
  const auto errors = parsed->find("errors");
  if (errors == parsed->end() || !errors->is_array() || errors->empty() || !errors->front().is_object()) return out;
  const auto code = text_of(errors->front(), "code"), message = text_of(errors->front(), "message");
  if (code && message) out += ": " + shown(*code) + ", " + shown(*message);
  return out;
}

Result<void> Web::may_go(const Url& url) const {
  if (is_server(url) || url.tls) return {};
  if (server_.tls) {
    return fail(ErrorKind::forbidden, server_.authority() + " sends its clients from https to plain http",
                "to " + url.origin() + "; that is not followed");
  }
  return {};  // filter_for allows loopback addresses alone
}

net::AddressFilter Web::filter_for(const Url& url) {
  const bool own = is_server(url), tls = url.tls;
  return [this, own, tls, host = url.authority()](const net::asio::ip::address& address) -> Result<void> {
    const net::AddressKind kind = net::kind_of(address);
    if (!tls && kind != net::AddressKind::loopback) {
      return fail(ErrorKind::forbidden, "plain http goes to loopback addresses alone",
                  host + " is " + address.to_string() + ", a " + net::kind_name(kind) + " address", "use https");
    }
    if (own) {
      if (!kind_ || kind == net::AddressKind::global) kind_ = kind;
      return {};
    }
    if (kind == net::AddressKind::global || kind == kind_) return {};
    return fail(ErrorKind::forbidden,
                server_.authority() + " sends its clients to a " + net::kind_name(kind) + " address",
                host + " is " + address.to_string() + "; that is not followed");
  };
}

Result<net::asio::ssl::context*> Web::context_for(const Url& url) {
  if (!url.tls) return nullptr;
  const std::string authority = url.authority();
  if (const auto known = tls_.find(authority); known != tls_.end()) return known->second.get();
  auto more = find_certificates(reach_.certificate_folders, authority);
  if (!more) return base::pass_on(more);
  auto made = net::make_web_context(*more);
  if (!made) return base::pass_on(made);
  return tls_.emplace(authority, std::move(*made)).first->second.get();
}

struct Web::Heard {
  WebAnswer answer;
  bool for_caller = false;
  bool oversize = false;
  bool slow = false;
  std::uint64_t bytes = 0;
  steady_clock::time_point begin{};  // of the answer
};

net::Task<Result<WebAnswer>> Web::exchange(WebRequest request) {
  const NetworkLimits& limits = reach_.limits;
  auto context = context_for(request.url);
  if (!context) co_return base::pass_on(context);
  net::AddressFilter filter = filter_for(request.url);
  auto stream = co_await net::open_web(request.url.at, *context, limits.connect, std::move(filter));
  if (!stream) co_return base::pass_on(stream);
  http::Exchange exchange;
  exchange.method = request.method;
  exchange.target = request.url.target;
  exchange.fields = request.fields;
  exchange.fields.emplace_back("User-Agent", "blindbox");
  if (!request.authorization.empty()) exchange.fields.emplace_back("Authorization", request.authorization);
  exchange.body = request.body;
  if (request.make_body) exchange.next_piece = request.make_body();
  exchange.body_size = request.body_size;
  exchange.stall = limits.stall;
  // Behind an upload the server reads all of it again before it answers.
  exchange.limit = request.make_body ? limits.answer * 5 : limits.answer;
  const net::Duration exchange_limit = exchange.limit;
  Heard heard;
  heard.answer.url = request.url;
  net::Deadline silence(loop_.get_executor(), [this, &request, &exchange_limit] {
    if (reach_.warn) {
      reach_.warn(request.url.authority() + " has said nothing for " + seconds(reach_.limits.notice) + "; it has " +
                  seconds(exchange_limit) + " in all");
    }
  });
  silence.limit(request.make_body ? net::Duration::zero() : limits.notice);
  silence.start();
  const http::OnHead on_head = [&heard, &request, &silence](const http::ResponseHead& head) {
    silence.stop();
    heard.begin = steady_clock::now();  // an upload, or a server that thought long, took its own time
    heard.for_caller = request.on_piece && (head.status == 200 || head.status == 206);
    return !heard.for_caller || !request.on_head || request.on_head(head);
  };
  const http::OnPiece on_piece = [&heard, &request, &limits](ByteView piece) {
    heard.bytes += piece.size();
    heard.slow = steady_clock::now() - heard.begin > 2 * limits.stall && is_slow(heard.bytes, heard.begin);
    if (heard.slow) return false;
    if (heard.for_caller) return request.on_piece(piece);
    heard.oversize = heard.answer.body.size() + piece.size() > request.cap;
    if (!heard.oversize) heard.answer.body += base::as_text(piece);
    return !heard.oversize;
  };
  auto head = co_await http::exchange_over(**stream, request.url.authority(), std::move(exchange), on_piece, on_head);
  (*stream)->close();
  if (!head) co_return base::pass_on(head);
  if (heard.slow) co_return fail(ErrorKind::network, request.url.authority() + " sends next to nothing");
  if (heard.oversize && head->status == 200) {
    co_return fail(ErrorKind::limit, "the answer of " + request.url.authority() + " is larger than " +
                                         std::to_string(request.cap) + " bytes");
  }
  heard.answer.status = head->status;
  heard.answer.fields = std::move(head->fields);
  co_return std::move(heard.answer);
}

Result<WebAnswer> Web::run(net::Task<Result<WebAnswer>> task) {
  std::optional<Result<WebAnswer>> out;
  const auto store = [](net::Task<Result<WebAnswer>> from, std::optional<Result<WebAnswer>>& into) -> net::Task<void> {
    into.emplace(co_await std::move(from));
  };
  boost::asio::co_spawn(loop_, store(std::move(task), out), [](const std::exception_ptr&) {});
  loop_.restart();
  loop_.run();
  if (!out) return fail(ErrorKind::internal, "a request ended without an answer");
  return std::move(*out);
}

Result<WebAnswer> Web::ask_once(WebRequest request) {
  for (unsigned redirects = 0;; ++redirects) {
    if (auto allowed = may_go(request.url); !allowed) return base::pass_on(allowed);
    auto answer = run(exchange(request));
    if (!answer && answer.error().kind == ErrorKind::network) {
      Error& error = answer.error();
      const std::string authority = request.url.authority();
      if (error.what.find("certificate verify failed") != std::string::npos) {
        error.kind = ErrorKind::forbidden;  // another attempt would end the same
        if (!reach_.certificate_folders.empty()) {
          error.hint = "if its certificate comes from an authority of your own, put that authority's into " +
                       reach_.certificate_folders.front() + "/" + authority + "/ca.crt";
        }
      }
      error.what = authority + ": " + error.what;
    }
    if (!answer || !request.follow || !is_redirect(answer->status)) return answer;
    if (redirects == kMostRedirects) {
      return fail(ErrorKind::forbidden, server_.authority() + " redirects more than 5 times");
    }
    auto next = resolve(request.url, answer->field("location"));
    if (!next) return base::pass_on(next);
    if (next->origin() != request.url.origin()) request.authorization.clear();
    request.url = std::move(*next);
  }
}

void Web::Attempts::brought(std::uint64_t bytes) {
  if (bytes == 0 || is_slow(bytes, since)) return;
  *this = {};
}

bool Web::pause(const Result<WebAnswer>& happened, Attempts& attempts) const {
  const NetworkLimits& limits = reach_.limits;
  if (++attempts.made >= limits.attempts) return false;
  if (happened ? !is_busy(happened->status) : happened.error().kind != ErrorKind::network) return false;
  net::Duration wait = http::backoff(attempts.made - 1, jitter(), limits.first_backoff);
  if (happened) {
    const net::Duration asked = http::retry_after(happened->field("retry-after"), base::now());
    if (asked > limits.longest_wait) return false;
    wait = std::max(wait, asked);
  }
  const auto spent = std::chrono::duration_cast<net::Duration>(steady_clock::now() - attempts.since);
  if (spent + wait > limits.whole) return false;
  constexpr std::chrono::seconds kWorthTelling{2};
  if (spent + wait >= kWorthTelling && reach_.warn) {
    reach_.warn(fmt::format("{}; attempt {} of {} in {}", happened ? explain(*happened) : happened.error().what,
                            attempts.made + 1, limits.attempts, seconds(wait)));
  }
  std::this_thread::sleep_for(wait);
  return true;
}

Result<WebAnswer> Web::ask(const WebRequest& request) {
  Attempts attempts;
  while (true) {
    auto answer = ask_once(request);
    if (!pause(answer, attempts)) return answer;
  }
}

}  // namespace blindbox::fetch
