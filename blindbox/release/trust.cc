// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/trust.h"

#include "blindbox/release/internal/object.h"

namespace blindbox::release {
namespace {

using base::fail;
using internal::json;

std::string read_keys(internal::Object& reader, TrustRoot& out) {
  std::vector<PublicKey> keys;
  reader.hexes("keys", keys);
  for (const PublicKey& key : keys) out.keys.emplace(key_id(key), key);
  std::vector<base::Sha256> revoked;
  reader.hexes("revoked", revoked);
  for (const auto& id : revoked) out.revoked.insert(base::to_hex(id));
  return reader.problem();
}

std::string problem_of(const TrustRoot& root) {
  if (root.version == 0) return "its version is 0";
  if (root.keys.size() > kMostKeys) return "it lists more than 32 keys";
  if (root.threshold < kLeastThreshold) return "it asks for fewer than two signatures";
  if (root.threshold > root.keys.size()) return "it asks for more signatures than it lists keys";
  for (const auto& [id, key] : root.keys) {
    if (root.revoked.contains(id)) return "it lists a key that it revokes: " + id;
  }
  return "";
}

std::string missing(std::size_t count, const TrustRoot& root) {
  return std::to_string(count) + " of the keys have signed, version " + std::to_string(root.version) + " asks for " +
         std::to_string(root.threshold);
}

}  // namespace

std::string encode(const TrustRoot& root) {
  std::vector<std::string> keys;
  for (const auto& [id, key] : root.keys) keys.push_back(base::to_hex(key));
  std::ranges::sort(keys);
  return internal::canonical({{"expires", base::to_iso8601(root.expires)},
                              {"id", base::to_hex(root.id)},
                              {"keys", keys},
                              {"revoked", root.revoked},
                              {"schema", kTrustSchema},
                              {"threshold", root.threshold},
                              {"version", root.version}});
}

Result<TrustRoot> decode_trust_root(const Document& document, const std::string& name) {
  const json body = json::parse(document.body, nullptr, false);
  internal::Object reader(body);
  TrustRoot out;
  std::string schema;
  reader.text("schema", schema);
  reader.hex("id", out.id);
  reader.number("version", out.version);
  reader.number("threshold", out.threshold);
  reader.time("expires", out.expires);
  std::string problem = read_keys(reader, out);
  if (schema != kTrustSchema) problem = "its schema is not " + std::string(kTrustSchema);
  if (problem.empty()) problem = problem_of(out);
  if (problem.empty() && encode(out) != document.body) problem = "it has members or an order that no trust root has";
  if (problem.empty()) return out;
  return fail(ErrorKind::malformed, name + " is no trust root: " + problem, "",
              "the publisher of the releases hands it out; \"blindbox release trust\" writes one");
}

Result<TrustRoot> check_trust_root(const Document& document, const std::string& name, base::Time now) {
  auto root = decode_trust_root(document, name);
  if (!root) return root;
  auto count = count_signatures(document, root->keys);
  if (!count) return base::pass_on(count);
  if (*count < root->threshold) {
    return fail(ErrorKind::not_authentic, name + " has too few signatures of its own keys", missing(*count, *root),
                "\"blindbox release sign\" adds one");
  }
  if (now >= root->expires) {
    return fail(ErrorKind::not_acceptable, name + " has expired",
                "it was good until " + base::to_iso8601(root->expires) + ", now is " + base::to_iso8601(now),
                "ask the publisher for the next version; \"blindbox release key rotate\" writes one");
  }
  return root;
}

Result<void> check_rotation(const TrustRoot& before, const TrustRoot& next, const Document& document) {
  const std::string version = "version " + std::to_string(next.version) + " of the trust root";
  if (next.id != before.id) {
    return fail(ErrorKind::not_authentic, version + " is another publisher's",
                "found " + base::to_hex(next.id) + ", trusted is " + base::to_hex(before.id));
  }
  if (next.version <= before.version) {
    return fail(ErrorKind::not_authentic, version + " is not newer than version " + std::to_string(before.version));
  }
  for (const std::string& id : before.revoked) {
    if (!next.revoked.contains(id)) return fail(ErrorKind::not_authentic, version + " takes a revocation back", id);
  }
  auto count = count_signatures(document, before.keys);
  if (!count) return base::pass_on(count);
  if (*count < before.threshold) {
    return fail(ErrorKind::not_authentic, version + " has too few signatures of the version that is trusted",
                missing(*count, before), "\"blindbox release sign\" adds one");
  }
  return {};
}

}  // namespace blindbox::release
