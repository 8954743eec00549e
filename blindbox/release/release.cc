// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/release.h"

#include <array>

#include "blindbox/release/internal/object.h"

namespace blindbox::release {
namespace {

using base::fail;
using internal::json;
using internal::Object;

constexpr std::array<std::string_view, 4> kPlatforms = {"aks-virtual-nodes", "azure-aci", "azure-vm", "sev-snp"};
constexpr std::size_t kNameCap = 128;
constexpr unsigned kPcrs = 24;

json write(const Expectation& from) {
  json pcrs = json::object();
  for (const auto& [index, value] : from.pcrs) pcrs[std::to_string(index)] = base::to_hex(value);
  json out = {{"host_data", internal::hex_list(from.host_data)},
              {"measurements", internal::hex_list(from.measurements)},
              {"pcrs", std::move(pcrs)}};
  if (from.minimum_uvm_svn) out["minimum_uvm_svn"] = *from.minimum_uvm_svn;
  if (from.mr_config_id) {
    out["initdata"] = {{"algorithm", from.initdata_algorithm}, {"mr_config_id", base::to_hex(*from.mr_config_id)}};
  }
  return out;
}

std::string read(const json& from, Expectation& out) {
  Object reader(from);
  reader.hexes("host_data", out.host_data);
  reader.hexes("measurements", out.measurements);
  if (!reader.member("pcrs").is_object()) reader.note("pcrs");
  for (unsigned index = 0; index < kPcrs; ++index) {
    if (!Object(reader.member("pcrs")).has(std::to_string(index).c_str())) continue;
    const auto value = internal::read_hex<32>(reader.member("pcrs").at(std::to_string(index)));
    if (!value) return "pcrs";
    out.pcrs.emplace(static_cast<std::uint8_t>(index), *value);
  }
  if (reader.has("minimum_uvm_svn")) reader.number("minimum_uvm_svn", out.minimum_uvm_svn.emplace());
  if (reader.has("initdata")) {
    Object inner(reader.member("initdata"));
    inner.text("algorithm", out.initdata_algorithm);
    inner.hex("mr_config_id", out.mr_config_id.emplace());
    if (!inner.problem().empty()) reader.note("initdata");
  }
  return reader.problem();
}

std::string problem_of(const std::string& platform, const Expectation& expected) {
  const bool azure_group = platform == "azure-aci" || platform == "aks-virtual-nodes";
  if (azure_group && (expected.host_data.empty() || !expected.minimum_uvm_svn)) return "no host data or utility VM";
  if (platform == "azure-vm" && (expected.pcrs.empty() || expected.measurements.empty()))
    return "no PCR or measurement";
  if (platform == "sev-snp" && expected.measurements.empty()) return "no measurement";
  return "";
}

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= kNameCap &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+~-") ==
             std::string::npos;
}

bool is_digest(const std::string& text) {
  return text.starts_with("sha256:") && internal::read_hex<32>(json(text.substr(7))).has_value();
}

std::string problem_of(const Release& release) {
  if (!is_name(release.name)) return "its name is not made of letters, digits and ._/+~- alone";
  if (release.epoch == 0) return "its epoch is 0";
  if (release.minimum_epoch > release.epoch) return "its minimum epoch is above its own";
  if (release.expires <= release.created) return "it ends before it begins";
  if (!is_digest(release.image)) return "its image is no sha256 digest";
  if (release.layers.empty()) return "it has no layers";
  for (const ReleaseLayer& layer : release.layers) {
    if (!is_digest(layer.diff_id)) return "a layer has no sha256 digest";
  }
  if (release.postures.empty() || release.software_versions.empty()) return "it names no posture or no version";
  if (!std::ranges::all_of(release.postures, is_name) || !std::ranges::all_of(release.software_versions, is_name)) {
    return "a posture or version is not made of letters, digits and ._/+~- alone";
  }
  if (release.platforms.empty()) return "it names no platform";
  for (const auto& [platform, expected] : release.platforms) {
    if (!is_platform(platform)) return "there is no platform " + platform;
    if (const auto problem = problem_of(platform, expected); !problem.empty()) return platform + ": " + problem;
  }
  return "";
}

void read_lists(Object& reader, Release& out) {
  for (const json& item : reader.items("layers")) {
    Object inner(item);
    ReleaseLayer layer;
    inner.text("diff_id", layer.diff_id);
    inner.hex("root_hash", layer.root_hash);
    if (!inner.problem().empty()) return reader.note("layers: " + inner.problem());
    out.layers.push_back(std::move(layer));
  }
  if (!reader.member("platforms").is_object()) return reader.note("platforms");
  for (const auto& [platform, expected] : reader.member("platforms").items()) {
    if (const auto problem = read(expected, out.platforms[platform]); !problem.empty()) {
      return reader.note("platforms: " + platform + ": " + problem);
    }
  }
}

}  // namespace

bool is_platform(std::string_view name) { return std::ranges::find(kPlatforms, name) != kPlatforms.end(); }

std::string encode(const Release& release) {
  json layers = json::array();
  for (const ReleaseLayer& layer : release.layers) {
    layers.push_back({{"diff_id", layer.diff_id}, {"root_hash", base::to_hex(layer.root_hash)}});
  }
  json platforms = json::object();
  for (const auto& [platform, expected] : release.platforms) platforms[platform] = write(expected);
  json out = {{"created", base::to_iso8601(release.created)},
              {"epoch", release.epoch},
              {"expires", base::to_iso8601(release.expires)},
              {"image", release.image},
              {"layers", std::move(layers)},
              {"minimum_epoch", release.minimum_epoch},
              {"name", release.name},
              {"platforms", std::move(platforms)},
              {"postures", release.postures},
              {"schema", kReleaseSchema},
              {"software_versions", release.software_versions},
              {"specification", base::to_hex(release.specification)}};
  if (release.model) out["model"] = base::to_hex(*release.model);
  return internal::canonical(out);
}

Result<Release> decode_release(const Document& document, const std::string& name) {
  const json body = json::parse(document.body, nullptr, false);
  Object reader(body);
  Release out;
  std::string schema;
  reader.text("schema", schema);
  reader.text("name", out.name);
  reader.number("epoch", out.epoch);
  reader.number("minimum_epoch", out.minimum_epoch);
  reader.time("created", out.created);
  reader.time("expires", out.expires);
  reader.text("image", out.image);
  reader.hex("specification", out.specification);
  reader.texts("postures", out.postures);
  reader.texts("software_versions", out.software_versions);
  if (reader.has("model")) reader.hex("model", out.model.emplace());
  read_lists(reader, out);
  std::string problem = reader.problem();
  if (schema != kReleaseSchema) problem = "its schema is not " + std::string(kReleaseSchema);
  if (problem.empty()) problem = problem_of(out);
  if (problem.empty() && encode(out) != document.body) problem = "it has members or an order that no release has";
  if (problem.empty()) return out;
  return fail(ErrorKind::malformed, name + " is no release: " + problem, "",
              "\"blindbox release TAG\" writes one; a newer blindbox may write more than this one reads");
}

Result<Release> check_release(const Document& document, const std::string& name, const TrustRoot& root,
                              base::Time now) {
  auto release = decode_release(document, name);
  if (!release) return release;
  auto count = count_signatures(document, root.keys);
  if (!count) return base::pass_on(count);
  if (*count < root.threshold) {
    return fail(ErrorKind::not_authentic, name + " has too few signatures that the trust root counts",
                std::to_string(*count) + " have signed, version " + std::to_string(root.version) + " asks for " +
                    std::to_string(root.threshold),
                "\"blindbox release sign\" adds one; after a rotation, releases are signed anew");
  }
  // Before anything of it is remembered: an epoch from the future would shut out all that come before it.
  if (release->created > now + kClockSkew) {
    return fail(ErrorKind::not_acceptable, name + " was made in the future",
                "it says " + base::to_iso8601(release->created) + ", now is " + base::to_iso8601(now),
                "set this machine's clock; if that is right, tell the publisher");
  }
  if (now >= release->expires) {
    return fail(ErrorKind::not_acceptable, name + " has expired",
                "it was good until " + base::to_iso8601(release->expires) + ", now is " + base::to_iso8601(now),
                "ask the publisher for the current release");
  }
  return release;
}

}  // namespace blindbox::release
