// SPDX-License-Identifier: Apache-2.0
#include "endorsements_options.h"

#include <fmt/format.h>

#include "blindbox/kds/source.h"
#include "command.h"

namespace blindbox::apps {
namespace {

void warn(const std::string& what) { fmt::print(stderr, "blindbox: warning: {}\n", what); }

net::Task<Result<evidence::Evidence>> complete_from(std::shared_ptr<kds::Source> source, evidence::Evidence evidence,
                                                    bool crl_wanted) {
  auto completed = co_await source->complete(std::move(evidence), crl_wanted, base::now());
  co_return completed;
}

Result<std::shared_ptr<kds::Source>> make_source(const EndorsementsOptions& options) {
  kds::SourceOptions source;
  auto origin = kds::parse_origin(options.kds_url.empty() ? kds::kAmdUrl : std::string_view(options.kds_url));
  if (!origin) return base::pass_on(origin);
  if (options.cache_dir && options.cache_dir->empty()) {
    return base::fail(ErrorKind::usage, "--cache-dir needs the name of a folder");
  }
  source.origin = std::move(*origin);
  source.cache_folder = options.cache_dir ? *options.cache_dir : kds::default_cache_folder();
  source.offline = options.offline;
  source.warn = warn;
  return std::make_shared<kds::Source>(std::move(source));
}

}  // namespace

void add_endorsements_options(CLI::App& command, EndorsementsOptions& options) {
  command.add_flag("--offline", options.offline,
                   "fetch nothing: certificates and revocation lists come with the evidence or from the cache");
  command
      .add_option("--kds-url", options.kds_url,
                  "instead of AMD's key distribution service; plain http on loopback only, for an emulator's")
      ->type_name("URL");
  command
      .add_option_function<std::string>(
          "--cache-dir", [&options](const std::string& folder) { options.cache_dir = folder; },
          "keep what was fetched there; $XDG_CACHE_HOME/blindbox/kds or ~/.cache/blindbox/kds unless given")
      ->type_name("DIR");
}

Result<attested_tls::CompleteEvidence> evidence_completer(const EndorsementsOptions& options,
                                                          const policy::Policy& policy) {
  auto source = make_source(options);
  if (!source) return base::pass_on(source);
  return [source = std::move(*source), crl_wanted = policy.sev_snp.require_crl](evidence::Evidence evidence) {
    return complete_from(source, std::move(evidence), crl_wanted);
  };
}

Result<void> complete_evidence(evidence::Evidence& evidence, const policy::Policy& policy,
                               const EndorsementsOptions& options) {
  auto source = make_source(options);
  if (!source) return base::pass_on(source);
  boost::asio::io_context io;
  auto completed = run(io, complete_from(std::move(*source), evidence, policy.sev_snp.require_crl));
  if (!completed) return base::pass_on(completed);
  evidence = std::move(*completed);
  return {};
}

}  // namespace blindbox::apps
