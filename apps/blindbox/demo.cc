// SPDX-License-Identifier: Apache-2.0
// The main job, shown: a completion through an attested channel, then three servers that get nothing.
#include <fmt/color.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "blindbox/base/file.h"
#include "blindbox/verifier/report_text.h"
#include "child.h"
#include "command.h"
#include "demo_hole.h"
#include "demo_relay.h"
#include "temporary_folder.h"

namespace blindbox::apps {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr std::chrono::minutes kPatience{2};

struct Options {
  std::string model;
};

void title(const std::string& text) { fmt::print("\n{}\n{}\n", text, std::string(text.size(), '=')); }

void tell_log(const TemporaryFolder& folder) {
  auto log = base::read_file(folder / "log", std::size_t{1} << 20);
  if (log && !log->empty()) fmt::print(stderr, "what the processes said:\n{}\n", base::as_text(*log));
}

class Demo {
 public:
  Demo(const TemporaryFolder& folder, std::string model, DemoHole hole)
      : folder_(folder), model_(std::move(model)), hole_(std::move(hole)) {}

  Result<void> run() {
    fmt::print("*** EMULATED, NOT A TEE: this shows the protocol and the checks. This machine protects nothing. ***\n");
    for (const auto& step : {&Demo::start_guests, &Demo::start_channel, &Demo::complete, &Demo::refuse_debug,
                             &Demo::refuse_other_measurement, &Demo::refuse_relay}) {
      if (auto done = (this->*step)(); !done) return done;
    }
    return {};
  }

 private:
  // One emulated security processor per guest, all with the same root, so that nothing but the named difference
  // decides.
  Result<void> start_guests() {
    title("1. three emulated guests");
    fmt::print("making the emulator's keys (RSA-4096, some seconds) ...\n");
    std::fflush(stdout);
    const std::string other_measurement = base::to_hex(base::sha384(base::view("other software")));
    const std::map<std::string, Lines> guests = {
        {"good", {}}, {"debug", {"--debug"}}, {"other", {"--measurement", other_measurement}}};
    for (const auto& [name, flags] : guests) {
      fs::create_directory(folder_ / name);
      Lines arguments = {"emulator",  "--mount", folder_ / name,      "--keys", folder_ / "keys",
                         "--latency", "8",       "--exit-with-parent"};
      arguments.insert(arguments.end(), flags.begin(), flags.end());
      auto guest = Child::start(arguments, folder_ / "log");
      if (!guest) return base::pass_on(guest);
      auto ready = guest->wait_for("ready: ", kPatience);
      if (!ready) return base::pass_on(ready);
      guests_.push_back(std::move(*guest));
    }
    fmt::print(
        "a production guest, a debug guest, and a guest with other software; one call takes 8 ms, as on AMD's\n");
    return {};
  }

  Result<Child> serve(const std::string& guest, std::uint16_t port, net::HostPort& at) {
    auto server = Child::start({"serve", "--model", model_, "--platform", "emulator:" + (folder_ / guest), "--listen",
                                "127.0.0.1:" + std::to_string(port)},
                               folder_ / "log");
    if (!server) return server;
    auto url = server->wait_for("ready: ", kPatience);
    if (!url) return base::pass_on(url);
    auto parsed = net::parse_url(*url, "https", 443);
    if (!parsed) return base::pass_on(parsed);
    at = *parsed;
    return server;
  }

  Result<void> write_policy() {
    auto printer =
        Child::start({"serve", "--model", model_, "--platform", "emulator:" + (folder_ / "good"), "--print-policy"},
                     folder_ / "log");
    if (!printer) return base::pass_on(printer);
    std::string policy;
    for (auto line = printer->read_line(kPatience); line; line = printer->read_line(kPatience)) policy += *line + "\n";
    return base::write_file(folder_ / "policy.yml", base::view(policy));
  }

  Result<void> start_channel() {
    title("2. blindbox serve in the production guest, blindbox connect beside it");
    if (auto written = write_policy(); !written) return written;
    auto server = serve("good", 0, server_at_);
    if (!server) return base::pass_on(server);
    server_.emplace(std::move(*server));
    auto proxy = Child::start({"connect", "https://" + server_at_.text(), "--policy", folder_ / "policy.yml",
                               "--listen", "127.0.0.1:0", "--ledger", "off"},
                              folder_ / "log");
    if (!proxy) return base::pass_on(proxy);
    Lines verdict;
    auto url = proxy->wait_for("ready: point editors at ", kPatience, &verdict);
    for (const std::string& line : verdict) fmt::print("{}\n", line);
    if (!url) return base::pass_on(url);
    if (!verdict.empty()) attestation_cost_ = verdict.back();
    auto at = net::parse_url(*url, "http", 80);
    if (!at) return base::pass_on(at);
    proxy_at_ = *at;
    proxy_.emplace(std::move(*proxy));
    return {};
  }

  Result<infill::Filled> ask(const infill::OnText& on_text) {
    boost::asio::io_context io;
    infill::Options options;
    options.single_line = true;
    return apps::run(io, infill::fill(proxy_at_, hole_.hole, options, on_text));
  }

  Result<void> complete() {
    title("3. a completion through the loopback proxy");
    fmt::print("{}:{}\n\n{}", hole_.file, hole_.line, hole_.before);
    std::fflush(stdout);
    const bool colour = is_terminal(stdout);
    auto filled = ask([colour](std::string_view text) {
      fmt::print(colour ? fmt::fg(fmt::terminal_color::green) : fmt::text_style{}, "{}", text);
      std::fflush(stdout);
    });
    if (!filled) return base::pass_on(filled);
    if (filled->text.empty()) return base::fail(ErrorKind::internal, "the completion is empty");
    fmt::print("\n{}\n\n", hole_.after);
    fmt::print("what stood there       {}\n", hole_.original);
    fmt::print("time to first token    {:.1f} ms\n", static_cast<double>(filled->first_token.count()) / 1000);
    fmt::print("tokens a second        {:.0f} ({} tokens)\n", filled->tokens_per_second, filled->tokens);
    fmt::print("attestation, once      {}\n", attestation_cost_);
    return {};
  }

  // The proxy is the one that has just completed code; only the far end of its URL changes. A real request, with the
  // file's code in it, waits behind the gate.
  Result<void> expect_refusal(const std::string& check) {
    auto filled = ask([](std::string_view) {});
    if (filled) return base::fail(ErrorKind::internal, "the server was NOT refused");
    if (filled.error().kind != ErrorKind::not_acceptable || filled.error().what.find(check) == std::string::npos) {
      return base::fail(ErrorKind::internal, "refused, but not by " + check, filled.error().what);
    }
    fmt::print("refused by             {}\nthe editor was told    {}\n", check, filled.error().what);
    return {};
  }

  Result<void> expect_no_bytes(std::uint64_t challenges, std::uint64_t bytes) {
    fmt::print("far end answered       {} challenge{}\nand received           {} application bytes\n", challenges,
               challenges == 1 ? "" : "s", bytes);
    if (challenges == 0) return base::fail(ErrorKind::internal, "the far end was never asked for evidence");
    if (bytes != 0) return base::fail(ErrorKind::internal, "application bytes LEFT before the gate");
    return {};
  }

  Result<void> stop_good_server() {
    if (server_) (void)server_->stop();
    server_.reset();
    return {};
  }

  Result<void> refuse(const std::string& guest, const std::string& check) {
    (void)stop_good_server();
    net::HostPort at;
    auto server = serve(guest, server_at_.port, at);
    if (!server) return base::pass_on(server);
    if (auto refused = expect_refusal(check); !refused) return refused;
    Lines last;
    (void)server->stop(&last);
    const auto stats = nlohmann::json::parse(last.empty() ? "" : last.back(), nullptr, false);
    if (!stats.is_object()) return base::fail(ErrorKind::internal, "the server has not told what it received");
    return expect_no_bytes(stats.value("challenges", std::uint64_t{0}),
                           stats.value("application_bytes", ~std::uint64_t{0}));
  }

  Result<void> refuse_debug() {
    title("4. refused: the host may read a debug guest's memory");
    return refuse("debug", "sev_snp.policy.debug_disabled");
  }

  Result<void> refuse_other_measurement() {
    title("5. refused: genuine hardware, other software");
    return refuse("other", "sev_snp.measurement");
  }

  Result<void> refuse_relay() {
    title("6. refused: a relay in the middle that ends TLS and forwards genuine evidence");
    net::HostPort real_at;
    auto real = serve("good", 0, real_at);
    if (!real) return base::pass_on(real);
    auto relay = DemoRelay::start(server_at_, real_at);
    if (!relay) return base::pass_on(relay);
    if (auto refused = expect_refusal("sev_snp.report_data"); !refused) return refused;
    return expect_no_bytes((*relay)->challenges(), (*relay)->application_bytes());
  }

  const TemporaryFolder& folder_;
  std::string model_;
  DemoHole hole_;
  std::vector<Child> guests_;
  std::optional<Child> server_;
  std::optional<Child> proxy_;
  net::HostPort server_at_;
  net::HostPort proxy_at_;
  std::string attestation_cost_;
};

int demo(const Options& options) {
  const auto model = options.model.empty() ? embedded_model() : std::optional(options.model);
  if (!model)
    return report({ErrorKind::model, "the embedded model is not where it belongs", "", "name one with --model"});
  // Before anything is started, so that this is all that is said.
  if (std::error_code error; !fs::is_regular_file(*model, error)) {
    return report({ErrorKind::model, "the model is not a regular file: " + *model, error ? error.message() : "", ""});
  }
  auto hole = find_demo_hole();
  if (!hole)
    return report(
        {ErrorKind::io, "this machine has no Python library to complete a hole in", "", "apt-get install python3"});
  auto folder = TemporaryFolder::make("blindbox-demo");
  if (!folder) return report(folder.error());
  Demo demonstration(**folder, *model, std::move(*hole));
  if (auto done = demonstration.run(); !done) {
    tell_log(**folder);
    return report(done.error());
  }
  fmt::print(
      "\nAll of it went as it must: one completion, three refusals, no byte to a server that was refused.\n"
      "*** EMULATED, NOT A TEE ***\n");
  return 0;
}

}  // namespace

void add_demo(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command =
      app.add_subcommand("demo", "a completion through an emulated guest, and three servers that are refused");
  command->add_option("--model", options->model, "instead of the embedded one")->type_name("FILE");
  command->callback([options, &action] { action = [options] { return demo(*options); }; });
}

}  // namespace blindbox::apps
