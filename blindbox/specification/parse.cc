// SPDX-License-Identifier: Apache-2.0
// blindbox.yml.
#include "blindbox/specification/internal/names.h"
#include "blindbox/yaml/yaml.h"

namespace blindbox::specification {
namespace {

using base::fail;
using internal::Names;
using yaml::Map;
using yaml::Node;
using yaml::Sequence;

template <typename T, std::size_t N>
void read_choice(Map& map, std::string_view key, const Names<T, N>& names, T& out) {
  const auto node = map.find(key);
  if (!node) return;
  if (const auto found = internal::find_name(names, node->text())) {
    out = *found;
    return;
  }
  std::string known;
  for (const auto& [name, value] : names) known += (known.empty() ? "" : ", ") + std::string(name);
  node->refuse("expected one of " + known);
}

std::uint64_t size_of(const Node& node) {
  const auto size = internal::parse_size(node.text());
  if (!size) node.refuse("expected a size such as 64MiB");
  return size.value_or(0);
}

void read_size(Map& map, std::string_view key, std::uint64_t& out) {
  if (const auto node = map.find(key)) out = size_of(*node);
}

void read_duration(Map& map, std::string_view key, std::chrono::milliseconds& out) {
  const auto node = map.find(key);
  if (!node) return;
  const auto duration = internal::parse_duration(node->text());
  if (!duration) node->refuse("expected a duration such as 10s, of at most a day");
  out = duration.value_or(out);
}

void read_port(Map& map, std::string_view key, std::uint16_t& out) {
  const auto node = map.find(key);
  if (!node) return;
  out = node->number<std::uint16_t>();
  if (out == 0) node->refuse("0 is no port");
}

// The names of 2023 still mean what they meant.
Platform read_platform(const Node& node) {
  const std::string name = node.text();
  if (name == "azure-sev" || name == "azure-amd-sev") return Platform::azure_aci;
  if (const auto found = internal::find_name(internal::kPlatforms, name)) return *found;
  node.refuse("expected azure-aci (which azure-sev means too) or sev-snp-vm");
  return Platform::azure_aci;
}

// ip-rules and dns-ip-rules of 2023: empty they say what is the default here; otherwise the key to use is told.
void refuse_rules_of_2023(Map& map) {
  if (const auto rules = map.find("ip-rules")) {
    for (const Node& rule : Sequence(*rules).items()) {
      rule.refuse("ip-rules is a key of 2023; write egress: [\"" + rule.text() +
                  ":PORT\"], or better the host's name and port, under egress");
    }
  }
  if (const auto rules = map.find("dns-ip-rules")) {
    for (const Node& rule : Sequence(*rules).items()) {
      rule.refuse(
          "dns-ip-rules is a key of 2023; remove it: blindbox-init resolves the names listed under egress, and "
          "the application reaches no name server");
    }
  }
}

Health read_health(const Node& node) {
  Health out;
  Map map(node);
  out.path = map.need("path").text();
  read_duration(map, "interval", out.interval);
  read_duration(map, "timeout", out.timeout);
  read_duration(map, "start", out.start);
  map.finish();
  return out;
}

std::vector<Egress> read_egress(const Node& node) {
  std::vector<Egress> out;
  for (const Node& item : Sequence(node).items()) {
    auto entry = internal::parse_egress(item.text());
    if (!entry) {
      item.refuse(entry.error().what);
    } else if (std::find(out.begin(), out.end(), *entry) != out.end()) {
      item.refuse(internal::egress_text(*entry) + " stands there twice");
    } else {
      out.push_back(*std::move(entry));
    }
  }
  return out;
}

std::vector<Writable> read_writable(const Node& node) {
  std::vector<Writable> out;
  for (const Node& item : Sequence(node).items()) {
    Map map(item);
    Writable entry;
    entry.path = map.need("path").text();
    entry.size = size_of(map.need("size"));
    map.finish();
    out.push_back(std::move(entry));
  }
  return out;
}

Limits read_limits(const Node& node) {
  Limits out;
  Map map(node);
  read_size(map, "memory", out.memory);
  read_size(map, "file_size", out.file_size);
  if (const auto count = map.find("processes")) out.processes = count->number<std::uint32_t>();
  if (const auto count = map.find("open_files")) out.open_files = count->number<std::uint32_t>();
  map.finish();
  return out;
}

Tier read_isolation(const Node& node, Tier tier) {
  Map map(node);
  read_choice(map, "minimum_tier", internal::kTiers, tier);
  map.finish();
  return tier;
}

Specification read(const Node& root) {
  Specification out;
  Map map(root);
  if (const auto version = map.find("version"); version && version->number<std::uint8_t>() != 1) {
    version->refuse("only version 1 is known");
  }
  out.platform = read_platform(map.need("platform"));
  refuse_rules_of_2023(map);
  read_port(map, "port", out.port);
  read_port(map, "tls_port", out.tls_port);
  if (const auto node = map.find("health")) out.health = read_health(*node);
  if (const auto node = map.find("egress")) out.egress = read_egress(*node);
  if (const auto node = map.find("writable")) out.writable = read_writable(*node);
  if (const auto node = map.find("environment")) {
    for (const Node& item : Sequence(*node).items()) out.environment_passed.push_back(item.text());
  }
  if (const auto node = map.find("limits")) out.limits = read_limits(*node);
  read_choice(map, "restart", internal::kRestarts, out.restart);
  read_choice(map, "output", internal::kOutputs, out.output);
  if (const auto node = map.find("isolation")) out.minimum_tier = read_isolation(*node, out.minimum_tier);
  map.finish();
  return out;
}

}  // namespace

Result<Specification> parse_yaml(std::string_view text, std::string_view name) {
  if (text.size() > kSpecificationCap) {
    return fail(ErrorKind::limit,
                std::string(name) + " is larger than " + std::to_string(kSpecificationCap) + " bytes");
  }
  auto root = yaml::load(text, name, ErrorKind::malformed);
  if (!root) return base::pass_on(root);
  yaml::Problems problems{std::string(name), {}, {}};
  Specification out = read(Node(*root, problems));
  if (problems.first.empty()) problems.first = problems.missing;
  if (problems.first.empty()) {
    if (auto what = internal::problem_of(out, false); !what.empty()) problems.first = std::string(name) + ": " + what;
  }
  if (!problems.first.empty()) {
    return fail(ErrorKind::malformed, problems.first, "", "\"blindbox init\" writes a blindbox.yml with comments");
  }
  return out;
}

}  // namespace blindbox::specification
