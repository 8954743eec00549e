// SPDX-License-Identifier: Apache-2.0
// blindbox status: what the running proxies say of themselves.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/base/clock.h"
#include "blindbox/base/file.h"
#include "blindbox/http/client.h"
#include "blindbox/net/socket_stream.h"
#include "blindbox/verifier/report_text.h"
#include "command.h"
#include "runtime_file.h"

namespace blindbox::apps {
namespace {

using nlohmann::json;
using verifier::printable;

struct Options {
  bool json = false;
  std::string proxy;
  std::string token_file;
};

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kCap = std::size_t{16} << 20;

// Whatever listens at a proxy's port may be another program: nothing of its answer is taken to be there.
const json& member(const json& from, const char* key) {
  static const json none;
  if (!from.is_object()) return none;
  const auto at = from.find(key);
  return at == from.end() ? none : *at;
}

std::string text_of(const json& from, const char* key) {
  const json& text = member(from, key);
  return text.is_string() ? printable(text.get<std::string>()) : "-";
}

std::uint64_t number_of(const json& from, const char* key) {
  const json& number = member(from, key);
  return number.is_number_unsigned() ? number.get<std::uint64_t>() : 0;
}

bool is_set(const json& from, const char* key) { return member(from, key) == json(true); }

net::Task<Result<json>> ask(std::string listen, std::string token) {
  const bool local = listen.starts_with(kUnix);
  auto at = local ? Result<net::HostPort>(net::HostPort{"localhost", 0}) : net::parse_host_port(listen);
  // Neither the question nor the token is for another machine.
  if (at && !local) at = loopback_only(*at, "the proxy is on this machine only");
  if (!at) co_return base::pass_on(at);
  Result<net::Socket> socket = base::fail(ErrorKind::internal, "not connected");
  if (local) {
    socket = co_await net::connect_unix(listen.substr(kUnix.size()));
  } else {
    socket = co_await net::connect_tcp(*at, std::chrono::seconds(5));
  }
  if (!socket) co_return base::pass_on(socket);
  net::SocketStream stream(std::move(*socket));
  http::Exchange request;
  request.target = "/.blindbox/api/status";
  request.limit = std::chrono::seconds(10);
  if (!token.empty()) request.fields.emplace_back("Blindbox-Token", std::move(token));
  std::string body;
  const http::OnPiece keep = [&body](ByteView piece) {
    body += base::as_text(piece);
    return body.size() <= kCap;
  };
  const std::string host = local ? "localhost" : at->text();
  auto head = co_await http::exchange_over(stream, host, std::move(request), keep);
  if (!head) co_return base::pass_on(head);
  if (head->status == 401) {
    co_return base::fail(ErrorKind::forbidden, "the proxy wants its token", "", "give it with --token-file");
  }
  json parsed = json::parse(body, nullptr, false);
  if (head->status != 200 || !member(parsed, "servers").is_array() || !member(parsed, "proxy").is_object()) {
    co_return base::fail(ErrorKind::protocol, "what answers at " + listen + " is no proxy of blindbox");
  }
  co_return std::move(parsed);
}

std::string age_of(const json& server, base::Time now) {
  const auto at = base::parse_time(text_of(server, "attested_at"));
  if (!at) return "-";
  const auto seconds = (now - *at).count();
  return seconds < 120 ? fmt::format("{} s", seconds) : fmt::format("{} min", seconds / 60);
}

void print_one(const Running& running, const json& status, base::Time now) {
  const json& proxy = member(status, "proxy");
  fmt::print("{}  blindbox {}, process {}, since {}{}\n", running.listen, text_of(status, "version"), running.pid,
             text_of(proxy, "since"), is_set(proxy, "paused") ? ", paused" : "");
  fmt::print("  {:<16}{:<13}{:<10}{:>9}{:>8}{:>6}  {}\n", "server", "state", "verdict", "requests", "active", "held",
             "");
  for (const json& server : member(status, "servers")) {
    const json& requests = member(server, "requests");
    fmt::print("  {:<16}{:<13}{:<10}{:>9}{:>8}{:>6}  {}{}\n", text_of(server, "name"), text_of(server, "state"),
               age_of(server, now), number_of(requests, "total"), number_of(requests, "active"),
               number_of(requests, "held"), text_of(server, "url"),
               is_set(server, "emulated") ? "  EMULATED, NOT A TEE" : "");
    const json& error = member(server, "error");
    if (text_of(server, "state") != "accepted" && error.is_object()) fmt::print("    {}\n", text_of(error, "what"));
  }
  const json& found = member(status, "scan");
  fmt::print("  scan {}, findings {}\n", text_of(found, "mode"), number_of(found, "findings"));
  const json& ledger = member(status, "ledger");
  if (member(ledger, "error").is_string()) {
    fmt::print("  the ledger cannot be written: {}\n", text_of(ledger, "error"));
  }
}

ErrorKind kind_of(const std::string& state) {
  if (state == "refused") return ErrorKind::not_acceptable;
  return state == "paused" ? ErrorKind::cancelled : ErrorKind::network;
}

// The first server that is not accepted; one that is refused before any other.
std::optional<Error> trouble(const std::vector<json>& all) {
  std::optional<Error> worst;
  for (const json& status : all) {
    for (const json& server : member(status, "servers")) {
      const std::string state = text_of(server, "state");
      if (state == "accepted" || (worst && state != "refused")) continue;
      const json& error = member(server, "error");
      const std::string why = error.is_object() ? text_of(error, "what") : "";
      worst = Error{kind_of(state), "the server " + text_of(server, "name") + " is " + state, why, ""};
      if (state == "refused") return worst;
    }
  }
  return worst;
}

Result<std::string> token_of(const Options& options) {
  if (options.token_file.empty()) return std::string();
  auto text = base::read_file(options.token_file, 4096);
  if (!text) return base::pass_on(text);
  std::string token(base::as_text(*text));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  return token;
}

int status(const Options& options) {
  auto token = token_of(options);
  if (!token) return report(token.error());
  std::vector<Running> running = running_proxies();
  if (!options.proxy.empty()) std::erase_if(running, [&](const Running& one) { return one.listen != options.proxy; });
  if (running.empty() && !options.proxy.empty()) running.push_back({0, options.proxy});
  if (running.empty()) {
    return report({ErrorKind::network, "no proxy of yours is running", "", "\"blindbox connect\" starts one"});
  }
  std::vector<json> all;
  std::optional<Error> silent;  // one that does not tell must not hide the others
  for (const Running& one : running) {
    boost::asio::io_context io;
    auto told = run(io, ask(one.listen, *token));
    if (!told && running.size() > 1) told.error().what = one.listen + ": " + told.error().what;
    if (!told && !silent) silent = told.error();
    if (!told) continue;
    (*told)["pid"] = one.pid;
    if (!options.json) print_one(one, *told, base::now());
    all.push_back(std::move(*told));
  }
  if (options.json && !all.empty()) {
    fmt::print("{}\n", json(all).dump(2, ' ', false, json::error_handler_t::replace));
  }
  std::fflush(stdout);
  auto worst = trouble(all);
  if (silent && (!worst || worst->kind != ErrorKind::not_acceptable)) worst = silent;
  return worst ? report(*worst) : 0;
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "status",
      "the running proxies: their servers, how old each verdict is, what is under way; exit status 0 where\n"
      "every server is accepted, 5 where one is refused, 6 where one or the proxy cannot be reached");
  command->add_flag("--json", options->json, "print a list with what each proxy says, as its page gets it");
  command->add_option("--proxy", options->proxy, "this one alone, by where it listens")->type_name("ADDR:PORT");
  command->add_option("--token-file", options->token_file, "the token of a proxy that wants one")->type_name("FILE");
  command->callback([options, &action] { action = [options] { return status(*options); }; });
}

}  // namespace blindbox::apps
