// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "blindbox/attested_tls/client.h"
#include "blindbox/verifier/report_text.h"
#include "command.h"
#include "endorsements_options.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string url;
  std::optional<std::string> policy;
  bool json = false;
  EndorsementsOptions endorsements;
};

net::Task<Result<attested_tls::ConnectOutcome>> attempt(const net::HostPort& server, boost::asio::ssl::context& tls,
                                                        const policy::Policy& policy,
                                                        attested_tls::CompleteEvidence complete) {
  auto outcome = co_await attested_tls::connect(server, tls, policy, base::now(), {}, std::move(complete));
  if (outcome.connection) co_await (*outcome.connection)->stream().shut_down();
  co_return outcome;
}

Result<policy::Policy> policy_of(const Options& options) {
  if (options.policy) return load_policy(*options.policy);
  fmt::print(stderr, "blindbox: no expected software was given: without --policy nothing can be accepted\n");
  policy::Policy every_product;
  for (const auto product :
       {evidence::sev_snp::Product::milan, evidence::sev_snp::Product::genoa, evidence::sev_snp::Product::turin}) {
    every_product.sev_snp.products[product] = {};
  }
  return every_product;
}

int verify(const Options& options) {
  auto server = net::parse_url(options.url, "https", 443);
  if (!server) return report(server.error());
  auto policy = policy_of(options);
  if (!policy) return report(policy.error());
  auto complete = evidence_completer(options.endorsements, *policy);
  if (!complete) return report(complete.error());
  auto tls = attested_tls::make_client_context();
  if (!tls) return report(tls.error());
  boost::asio::io_context io;
  auto outcome = run(io, attempt(*server, **tls, *policy, std::move(*complete)));
  if (!outcome) return report(outcome.error());
  if (outcome->verdict && options.json) fmt::print("{}\n", verifier::render_json(*outcome->verdict));
  if (outcome->verdict && !options.json) {
    fmt::print("{}\n{}: {}\n", verifier::render_table(*outcome->verdict, is_terminal(stdout)), server->text(),
               outcome->connection ? "accepted" : "refused");
  }
  std::fflush(stdout);
  return outcome->connection ? 0 : report(outcome->connection.error());
}

}  // namespace

void add_verify(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "verify", "ask a server for evidence and print the verdict, check by check; nothing else is sent");
  command->add_option("URL", options->url, "the server, https://host:port")->required();
  // An empty name is a name: a script's unset variable must not become "no policy was given".
  command
      ->add_option_function<std::string>(
          "--policy", [options](const std::string& file) { options->policy = file; }, "what to accept (policy.yml)")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "print the verdict as one JSON object");
  add_endorsements_options(*command, options->endorsements);
  command->callback([options, &action] { action = [options] { return verify(*options); }; });
}

}  // namespace blindbox::apps
