// SPDX-License-Identifier: Apache-2.0
// blindbox ledger: what left this machine, and what did not.
#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>

#include "blindbox/ledger/reader.h"
#include "blindbox/ledger/writer.h"
#include "blindbox/net/await.h"
#include "blindbox/verifier/report_text.h"
#include "command.h"

namespace blindbox::apps {
namespace {

using ledger::Entry;
using verifier::printable;

struct Options {
  std::string since, server, folder;
  bool json = false, sum = false, follow = false;
};

void print_entry(const Entry& entry, bool json) {
  if (json) {
    fmt::print("{}\n", ledger::write_entry(entry));
    return;
  }
  std::string findings;
  for (const std::string& rule : entry.findings) findings += (findings.empty() ? "  found: " : ", ") + printable(rule);
  fmt::print("{}  {:<12} {:<9} {:>3}  {:>9} out {:>9} in  {} {}{}\n", ledger::to_text(entry.time),
             printable(entry.server), printable(entry.outcome), entry.status, entry.bytes_out, entry.bytes_in,
             printable(entry.method), printable(entry.path), findings);
}

void print_sums(const ledger::Sums& sums, bool json) {
  if (json) {
    const nlohmann::ordered_json out = {{"requests", sums.requests},
                                        {"bytes_out", sums.bytes_out},
                                        {"bytes_in", sums.bytes_in},
                                        {"refused", sums.refused}};
    fmt::print("{}\n", out.dump());
    return;
  }
  fmt::print("requests  {}\nbytes out {}\nbytes in  {}\nrefused   {}\n", sums.requests, sums.bytes_out, sums.bytes_in,
             sums.refused);
}

net::Task<void> follow(std::shared_ptr<ledger::Follower> follower, Options options) {
  constexpr auto kLook = std::chrono::milliseconds(200);
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  while (true) {
    for (const Entry& entry : follower->next()) {
      if (options.server.empty() || entry.server == options.server) print_entry(entry, options.json);
    }
    std::fflush(stdout);
    timer.expires_after(kLook);
    (void)co_await timer.async_wait(net::kAwait);
  }
}

net::Task<void> nothing() { co_return; }

int show(const Options& options) {
  std::optional<ledger::Time> since;
  if (!options.since.empty()) {
    auto time = ledger::parse_time(options.since);
    if (!time) return report({ErrorKind::usage, time.error().what, "", time.error().hint});
    since = *time;
  }
  const std::string folder = options.folder.empty() ? ledger::default_folder() : options.folder;
  const auto follower = std::make_shared<ledger::Follower>(folder);
  ledger::Sums sums;
  ledger::each(folder, [&](const Entry& entry) {
    if (since && entry.time < *since) return true;
    if (!options.server.empty() && entry.server != options.server) return true;
    sums.add(entry);
    if (!options.sum) print_entry(entry, options.json);
    return true;
  });
  if (options.sum) print_sums(sums, options.json);
  if (!options.follow) return 0;
  std::fflush(stdout);
  boost::asio::io_context io;
  Signals signals(io);
  boost::asio::co_spawn(io, follow(follower, options), boost::asio::detached);
  return signals.run([] { return nothing(); });
}

}  // namespace

void add_ledger(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "ledger", "every request that went through a proxy of yours: when, to whom, how much, and never what");
  command->add_option("--since", options->since, "entries from this time on")->type_name("TIME");
  command->add_option("--server", options->server, "entries of this server alone")->type_name("NAME");
  command->add_flag("--json", options->json, "print each entry as a line of JSON");
  auto* const sum = command->add_flag("--sum", options->sum, "print how many and how much in all");
  command->add_flag("--follow", options->follow, "go on with what comes")->excludes(sum);
  command
      ->add_option("--ledger-dir", options->folder, "$XDG_STATE_HOME/blindbox or ~/.local/state/blindbox unless given")
      ->type_name("DIR");
  command->callback([options, &action] { action = [options] { return show(*options); }; });
}

}  // namespace blindbox::apps
