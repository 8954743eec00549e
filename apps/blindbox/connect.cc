// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "blindbox/proxy/proxy.h"
#include "blindbox/verifier/report_text.h"
#include "command.h"
#include "endorsements_options.h"
#include "release_options.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string url;
  std::optional<std::string> policy;
  ReleaseOptions release;
  std::string listen = "127.0.0.1:8765";
  EndorsementsOptions endorsements;
};

std::string cost(const attested_tls::Timings& timings) {
  const auto ms = [](std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; };
  // Next to nothing where the evidence lacks nothing, and then not worth a word.
  const bool fetched = timings.endorsements > std::chrono::milliseconds(10);
  const std::string endorsements =
      fetched ? fmt::format("endorsements {:.1f} ms, ", ms(timings.endorsements)) : std::string();
  return fmt::format("TLS handshake {:.1f} ms, evidence {:.1f} ms, {}verification {:.1f} ms", ms(timings.handshake),
                     ms(timings.evidence), endorsements, ms(timings.verification));
}

void log_attempt(const attested_tls::ConnectOutcome& outcome) {
  if (outcome.connection) {
    const bool emulated = outcome.verdict && outcome.verdict->emulated();
    spdlog::debug("connected: {}{}", cost(outcome.timings), emulated ? "; EMULATED, NOT A TEE" : "");
  } else {
    spdlog::error("no connection: {}", outcome.connection.error().what);
  }
}

// The first connection is made at start: a person sees the verdict before any editor sends anything.
net::Task<Result<proxy::Connection>> first_connection(proxy::Pool& pool) { co_return co_await pool.take(); }

int connect(const Options& options) {
  auto server = net::parse_url(options.url, "https", 443);
  auto at = net::parse_host_port(options.listen);
  if (at) at = loopback_only(*at, "the proxy listens on loopback only");
  if (!server || !at) return report(server ? at.error() : server.error());
  auto expected = what_to_accept(options.policy, options.release, base::now());
  if (!expected) return report(expected.error());
  std::optional<policy::Policy>& policy = *expected;
  if (!policy) {
    return report({ErrorKind::usage, "nothing says what to accept: --policy FILE, or --release FILE and --trust FILE",
                   "", "the server's provider hands them out"});
  }
  auto complete = evidence_completer(options.endorsements, *policy);
  if (!complete) return report(complete.error());
  boost::asio::io_context io;
  auto acceptor = net::listen_tcp(io.get_executor(), *at);
  if (!acceptor) return report(acceptor.error());

  bool first = true;
  proxy::PoolOptions pool_options;
  pool_options.server = *server;
  pool_options.policy = std::move(*policy);
  pool_options.complete = std::move(*complete);
  auto pool = proxy::Pool::make(std::move(pool_options), [&first](const attested_tls::ConnectOutcome& outcome) {
    if (!std::exchange(first, false)) return log_attempt(outcome);
    if (outcome.verdict) fmt::print("{}\n", verifier::render_table(*outcome.verdict, {.colour = is_terminal(stdout)}));
    if (outcome.connection) fmt::print("{}\n", cost(outcome.timings));
    std::fflush(stdout);
  });
  if (!pool) return report(pool.error());
  auto connection = run(io, first_connection(**pool));
  if (!connection) return report(connection.error());
  (*pool)->give_back(std::move(*connection));

  Signals signals(io);
  proxy::Proxy proxy(std::move(*acceptor), *pool, {});
  proxy.start();
  fmt::print("ready: point editors at http://{}\n", net::HostPort{at->host, proxy.port()}.text());
  std::fflush(stdout);
  return signals.run([&proxy] { return proxy.drain(std::chrono::seconds(10)); });
}

}  // namespace

void add_connect(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "connect",
      "the proxy on your machine: plain HTTP on loopback in, attested TLS out; nothing of a request\n"
      "leaves before the server's evidence is accepted");
  command->add_option("URL", options->url, "the server, https://host:port")->required();
  command->add_option("--policy", options->policy, "what to accept (policy.yml)")->type_name("FILE");
  add_release_options(*command, options->release);
  command->add_option("--listen", options->listen, "where editors connect; port 0 takes a free one")
      ->type_name("ADDR:PORT")
      ->capture_default_str();
  add_endorsements_options(*command, options->endorsements);
  command->callback([options, &action] { action = [options] { return connect(*options); }; });
}

}  // namespace blindbox::apps
