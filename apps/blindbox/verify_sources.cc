// SPDX-License-Identifier: Apache-2.0
#include "verify_sources.h"

#include <algorithm>

#include "blindbox/attested_tls/client.h"
#include "command.h"
#include "verify_files.h"

namespace blindbox::apps {
namespace {

constexpr std::size_t kMostReportData = 64;

struct Attempted {
  attested_tls::ConnectOutcome connected;
  std::optional<Result<probe::Report>> probed{};
};

// Nothing is asked of a server that the verdict refuses.
net::Task<Result<Attempted>> attempt(const net::HostPort& server, boost::asio::ssl::context& tls,
                                     const policy::Policy& policy, base::Time at,
                                     attested_tls::CompleteEvidence complete, bool probe) {
  auto connected = co_await attested_tls::connect(server, tls, policy, at, {}, std::move(complete));
  Attempted out{std::move(connected)};
  if (!out.connected.connection) co_return out;
  attested_tls::AttestedConnection& connection = **out.connected.connection;
  if (probe) {
    auto probed = co_await probe_now(connection);
    out.probed.emplace(std::move(probed));
  }
  co_await connection.stream().shut_down();
  co_return out;
}

// What an accepted server says of its walls; the first problem is the outcome's error.
void take_probes(const Attempted& attempted, VerifyOutcome& outcome) {
  const auto note = [&outcome](const Error& error) {
    if (!outcome.error) outcome.error = error;
  };
  auto at_start = probe_at_start(*attempted.connected.bundle);
  if (!at_start) return note(at_start.error());
  outcome.probed.at_start = std::move(*at_start);
  if (!attempted.probed) {
    if (outcome.probed.at_start && outcome.probed.at_start->count(probe::Outcome::escaped) > 0) {
      outcome.notes.emplace_back("something got out of the sandbox when the server started (--probe asks again)");
    }
    return;
  }
  if (!*attempted.probed) return note(attempted.probed->error());
  outcome.probed.fresh = **attempted.probed;
  for (const auto& report : {outcome.probed.fresh, outcome.probed.at_start}) {
    if (!report) continue;
    if (const auto held = expect_nothing_escaped(*report); !held) note(held.error());
  }
}

Result<VerifyOutcome> verify_server(const SourceOptions& options, const policy::Policy& policy, base::Time at) {
  const std::string& url = options.sources.front();
  auto server = net::parse_url(url, "https", 443);
  if (!server) return base::pass_on(server);
  auto complete = evidence_completer(options.endorsements, policy);
  if (!complete) return base::pass_on(complete);
  auto tls = attested_tls::make_client_context();
  if (!tls) return base::pass_on(tls);
  boost::asio::io_context io;
  auto attempted = run(io, attempt(*server, **tls, policy, at, std::move(*complete), options.probe));
  VerifyOutcome outcome{.subject = server->text(),
                        .at = at,
                        .from_files = false,
                        .sources = {{url, "BlindBox server"}},
                        .verdict = std::nullopt,
                        .error = std::nullopt,
                        .notes = {}};
  if (!attempted) {
    outcome.error = attempted.error();
    return outcome;
  }
  attested_tls::ConnectOutcome* const connected = &attempted->connected;
  if (connected->connection) take_probes(*attempted, outcome);
  outcome.verdict = std::move(connected->verdict);
  if (connected->bundle) {
    outcome.evidence = std::move(connected->bundle->primary);
    outcome.manifest = std::move(connected->bundle->manifest);
  }
  if (!connected->connection) outcome.error = connected->connection.error();
  return outcome;
}

Result<base::Time> time_of(const SourceOptions& options) {
  if (!options.at) return base::now();
  auto time = base::parse_time(*options.at);
  if (!time) return base::fail(ErrorKind::usage, "--at: " + time.error().what, "", time.error().hint);
  return time;
}

Result<std::optional<Bytes>> report_data_of(const SourceOptions& options) {
  if (!options.report_data) return std::nullopt;
  auto bytes = base::from_hex(*options.report_data);
  if (!bytes || bytes->empty() || bytes->size() > kMostReportData) {
    return base::fail(ErrorKind::usage, "--report-data is no hexadecimal text of at most 64 bytes", "",
                      "write 128 digits, or 64 where 32 bytes and 32 zeros are meant");
  }
  return std::optional(*std::move(bytes));
}

// Also one of a wrong scheme, which then is told so.
bool is_url(const std::string& source) { return source.find("://") != std::string::npos; }

}  // namespace

Result<VerifyOutcome> verify_sources(const SourceOptions& options, const policy::Policy& policy) {
  auto at = time_of(options);
  if (!at) return base::pass_on(at);
  auto report_data = report_data_of(options);
  if (!report_data) return base::pass_on(report_data);
  if (std::ranges::any_of(options.sources, &std::string::empty)) {
    return base::fail(ErrorKind::usage, "a SOURCE has no name");
  }
  if (std::ranges::none_of(options.sources, is_url)) {
    if (options.probe) return base::fail(ErrorKind::usage, "--probe is for a server: files run nothing");
    return verify_files({options.sources, *at, *std::move(report_data), options.endorsements}, policy);
  }
  if (options.sources.size() > 1) {
    return base::fail(ErrorKind::usage, "a server is verified alone: give one URL, or files and folders");
  }
  if (*report_data) {
    return base::fail(ErrorKind::usage, "--report-data is for files: a connection brings its own");
  }
  return verify_server(options, policy, *at);
}

namespace {

void add_text(CLI::App& command, const std::string& name, std::optional<std::string>& value, const char* what,
              const char* type) {
  command
      .add_option_function<std::string>(
          name, [&value](const std::string& text) { value = text; }, what)
      ->type_name(type);
}

}  // namespace

void add_source_options(CLI::App& command, SourceOptions& options) {
  command.add_option("SOURCE", options.sources, "https://host:port, or files and folders; - is standard input")
      ->required();
  add_text(command, "--at", options.at, "judge at this time (RFC 3339, a date, seconds since 1970), not now", "TIME");
  add_text(command, "--report-data", options.report_data,
           "what REPORT_DATA must hold: 64 bytes, or 32 and zeros; on Azure VMs, the quote's qualifying data", "HEX");
  add_endorsements_options(command, options.endorsements);
}

}  // namespace blindbox::apps
