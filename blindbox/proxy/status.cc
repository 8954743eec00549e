// SPDX-License-Identifier: Apache-2.0
// What the page and "blindbox status" are told.
#include <algorithm>

#include "blindbox/endorsements/roots.h"
#include "blindbox/endorsements/sev_snp/chain.h"
#include "blindbox/evidence/manifest.h"
#include "blindbox/proxy/internal/state.h"
#include "blindbox/verifier/report_text.h"

namespace blindbox::proxy::internal {
namespace {

using nlohmann::json;

json link(const char* role, const std::string& title, const std::string& detail, const std::string& fingerprint) {
  return {{"role", role}, {"title", title}, {"detail", detail}, {"fingerprint", fingerprint}};
}

std::string hex_of_sha256(ByteView bytes) { return base::to_hex(base::sha256(bytes)); }

// From the silicon's root to the model's hash. What the verdict does not accept is shown as it came, and is no more than
// that.
json chain_json(const Attestation& seen) {
  json out = json::array();
  const auto report = evidence::sev_snp::parse_report(seen.bundle.primary.report);
  auto certificates = endorsements::sev_snp::parse_certificates(seen.bundle.primary.certificates);
  if (report && certificates) {
    const auto kind = static_cast<evidence::sev_snp::SigningKey>(report->signing_key);
    if (const auto chain = endorsements::sev_snp::select_chain(*certificates, kind, seen.at)) {
      const bool amds = endorsements::pinned_amd_root(chain->root.spki_sha256()).has_value();
      const auto one = [&](const char* role, const endorsements::Certificate& certificate, const std::string& detail) {
        out.push_back(link(role, certificate.common_name(), detail, base::to_hex(certificate.der_sha256())));
      };
      one("root", chain->root,
          amds ? "the vendor's root; its key is pinned in this program" : "no root that is pinned in this program");
      one("intermediate", chain->intermediate, "signed by " + chain->intermediate.issuer_common_name());
      one("leaf", chain->leaf, "the key of this processor, valid until " + base::to_iso8601(chain->leaf.not_after()));
    }
  }
  if (report) {
    out.push_back(link("report", "attestation report", "measurement " + base::to_hex(report->measurement),
                       hex_of_sha256(seen.bundle.primary.report)));
  }
  const auto manifest = evidence::decode_manifest(seen.bundle.manifest);
  if (manifest) {
    out.push_back(link("manifest", manifest->software.name + " " + manifest->software.version,
                       "isolation: " + manifest->isolation.posture, hex_of_sha256(seen.bundle.manifest)));
  }
  if (seen.spki_sha256) {
    out.push_back(link("tls", "key of the TLS session", "made inside the enclave; the report covers it",
                       base::to_hex(*seen.spki_sha256)));
  }
  if (manifest) {
    out.push_back(
        link("model", manifest->model.id, "SHA-256 of the weights as loaded", base::to_hex(manifest->model.sha256)));
  }
  return out;
}

json verdict_json(const Attestation& seen) {
  json out = verifier::to_json(seen.verdict);
  out["sources"] = json::array();
  out["notes"] = json::array();
  return out;
}

json error_json(const Error& error) { return {{"what", error.what}, {"detail", error.detail}, {"hint", error.hint}}; }

json active_json(const ledger::Entry& entry) {
  return {{"id", entry.id},
          {"time", ledger::to_text(entry.time)},
          {"method", entry.method},
          {"path", entry.path},
          {"server", entry.server},
          {"bytes_out", entry.bytes_out},
          {"bytes_in", entry.bytes_in}};
}

}  // namespace

json server_json(const State& state, const Server& server) {
  const Pool& pool = *server.pool;
  const auto total = state.requests.find(server.name);
  const auto active = std::ranges::count(state.active, server.name, &ledger::Entry::server);
  json out = {
      {"name", server.name},
      {"url", server.url},
      {"state", standing_name(pool.standing())},
      {"since", base::to_iso8601(pool.since())},
      {"emulated", false},
      {"verdict", nullptr},
      {"verdict_digest", nullptr},
      {"attested_at", nullptr},
      {"next_attestation", nullptr},
      {"error", nullptr},
      {"manifest", nullptr},
      {"chain", json::array()},
      {"connections", {{"idle", pool.idle()}, {"busy", pool.busy()}}},
      {"requests",
       {{"total", total == state.requests.end() ? 0 : total->second}, {"active", active}, {"held", pool.held()}}}};
  if (pool.error()) out["error"] = error_json(*pool.error());
  const auto& seen = pool.attestation();
  if (!seen) return out;
  out["emulated"] = seen->verdict.emulated();
  out["verdict"] = verdict_json(*seen);
  out["verdict_digest"] = seen->digest;
  out["attested_at"] = base::to_iso8601(seen->at);
  const auto every = std::chrono::floor<std::chrono::seconds>(pool.options().attest_every * 4 / 5);
  if (pool.standing() == Standing::accepted) out["next_attestation"] = base::to_iso8601(seen->at + every);
  out["chain"] = chain_json(*seen);
  if (evidence::decode_manifest(seen->bundle.manifest)) {
    out["manifest"] = json::parse(base::as_text(seen->bundle.manifest), nullptr, false);
  }
  return out;
}

json status_json(const State& state) {
  json servers = json::array(), active = json::array();
  for (const Server& server : state.options.servers) servers.push_back(server_json(state, server));
  for (const ledger::Entry& entry : state.active) active.push_back(active_json(entry));
  json out = {
      {"version", state.options.version},
      {"proxy",
       {{"listen", state.options.listen}, {"since", base::to_iso8601(state.since)}, {"paused", state.paused()}}},
      {"servers", std::move(servers)},
      {"active", std::move(active)},
      {"scan", {{"mode", scan::mode_name(state.options.scan)}, {"findings", state.findings}}},
      {"ledger", {{"kept", state.options.ledger != nullptr}, {"waiting", 0}, {"error", nullptr}}}};
  if (state.options.ledger) out["ledger"]["waiting"] = state.options.ledger->waiting();
  if (state.ledger_trouble) out["ledger"]["error"] = *state.ledger_trouble;
  return out;
}

}  // namespace blindbox::proxy::internal
