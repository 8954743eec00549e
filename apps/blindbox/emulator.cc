// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>

#include "blindbox/base/digest.h"
#include "blindbox/emulator/run.h"
#include "command.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string folder;
  std::string keys;
  std::string product = "milan";
  unsigned version = 3;
  std::string measurement;
  std::string host_data;
  bool debug = false;
  bool no_certificates = false;
  std::string kds;
  std::vector<std::uint64_t> revoked;
  unsigned latency_ms = 0;
  bool exit_with_parent = false;
};

template <std::size_t N>
Result<void> read_hex(const std::string& name, const std::string& hex, ByteArray<N>& into) {
  auto bytes = base::from_hex(hex);
  if (!bytes || bytes->size() != N) {
    return base::fail(ErrorKind::usage, "--" + name + " needs " + std::to_string(2 * N) + " hexadecimal digits");
  }
  std::copy(bytes->begin(), bytes->end(), into.begin());
  return {};
}

Result<emulator::Guest> guest_of(const Options& options) {
  using evidence::sev_snp::Product;
  emulator::Guest guest;
  guest.product = options.product == "turin"   ? Product::turin
                  : options.product == "genoa" ? Product::genoa
                                               : Product::milan;
  guest.version = options.version;
  guest.host_certificates = !options.no_certificates;
  if (options.debug) guest.policy |= evidence::sev_snp::kPolicyDebug;
  if (!options.measurement.empty()) {
    ByteArray<48> measurement{};
    if (auto read = read_hex("measurement", options.measurement, measurement); !read) return base::pass_on(read);
    guest.measurement = measurement;
  }
  if (!options.host_data.empty()) {
    if (auto read = read_hex("host-data", options.host_data, guest.host_data); !read) return base::pass_on(read);
  }
  return guest;
}

int emulate(const Options& options) {
  auto guest = guest_of(options);
  if (!guest) return report(guest.error());
  emulator::Options run;
  if (!options.kds.empty()) {
    auto at = net::parse_host_port(options.kds);
    if (!at) return report(at.error());
    run.key_distribution = emulator::KeyDistributionOptions{*at, options.revoked};
  }
  run.folder = options.folder;
  run.guest = *guest;
  run.key_folder = options.keys;
  run.latency = std::chrono::milliseconds(options.latency_ms);
  run.exit_with_parent = options.exit_with_parent;
  run.on_ready = [&options](const std::string& fingerprint, const std::string& kds_url) {
    if (!kds_url.empty()) fmt::print("kds: {}\n", kds_url);
    fmt::print("ready: {} (trust_emulator {})\n", options.folder, fingerprint);
    std::fflush(stdout);
  };
  auto ran = emulator::run_emulator(run);
  return ran ? 0 : report(ran.error());
}

}  // namespace

void add_emulator(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "emulator", "mount a software security processor that looks like a guest's device. NOT A TEE: for development");
  command->add_option("--mount", options->folder, "an empty folder; \"serve --platform emulator:DIR\" finds it there")
      ->type_name("DIR")
      ->required();
  command->add_option("--keys", options->keys, "keep the keys there, so that policies stay valid; else fresh ones")
      ->type_name("DIR");
  command->add_option("--product", options->product)
      ->check(CLI::IsMember({"milan", "genoa", "turin"}))
      ->capture_default_str();
  command->add_option("--report-version", options->version)->check(CLI::IsMember({2, 3, 5}))->capture_default_str();
  command->add_option("--measurement", options->measurement, "the launch digest to report")->type_name("HEX");
  command->add_option("--host-data", options->host_data, "the HOST_DATA to report")->type_name("HEX");
  command->add_flag("--debug", options->debug, "a guest whose host may read its memory: every client must refuse it");
  command
      ->add_option("--latency", options->latency_ms, "milliseconds that a call takes; a real processor needs about 8")
      ->capture_default_str();
  command->add_flag("--no-certificates", options->no_certificates,
                    "a host that leaves fetching certificates to clients");
  auto* const kds =
      command
          ->add_option("--kds", options->kds,
                       "also imitate AMD's key distribution service, on loopback; port 0 takes a free one")
          ->type_name("ADDR:PORT");
  command->add_option("--revoke", options->revoked, "a serial number that its revocation lists name; may be repeated")
      ->type_name("N")
      ->needs(kds);
  command->add_flag("--exit-with-parent", options->exit_with_parent, "end when the starting process ends");
  command->callback([options, &action] { action = [options] { return emulate(*options); }; });
}

}  // namespace blindbox::apps
