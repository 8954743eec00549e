// SPDX-License-Identifier: Apache-2.0
#include "blindbox/policy/internal/read.h"

namespace blindbox::policy {
namespace internal {

std::vector<std::string> read_texts(const Node& node) {
  std::vector<std::string> out;
  for (const Node& item : Sequence(node).items()) out.push_back(item.text());
  return out;
}

namespace {

UvmPolicy read_uvm(const Node& node) {
  UvmPolicy out = default_uvm();
  Map map(node);
  if (const auto list = map.find("issuers")) out.issuers = read_texts(*list);
  if (const auto list = map.find("feeds")) out.feeds = read_texts(*list);
  // Written out, because old utility VMs stay endorsed for ever.
  out.minimum_svn = map.need("minimum_svn").number<std::uint64_t>();
  map.finish();
  return out;
}

AzureVmPolicy read_vm(const Node& node) {
  constexpr std::uint8_t kPcrs = 24;
  AzureVmPolicy out;
  Map map(node);
  const Node pcrs_node = map.need("pcrs");
  Map pcrs(pcrs_node);
  for (std::uint8_t index = 0; index < kPcrs; ++index) {
    if (const auto value = pcrs.find(std::to_string(index))) out.pcrs[index] = value->hex<32>();
  }
  pcrs.finish();
  map.finish();
  if (out.pcrs.empty()) pcrs_node.refuse("no PCR is pinned");
  return out;
}

}  // namespace

AzurePolicy read_azure(const Node& node) {
  AzurePolicy out;
  Map map(node);
  if (const auto part = map.find("uvm")) out.uvm = read_uvm(*part);
  if (const auto part = map.find("vm")) out.vm = read_vm(*part);
  map.finish();
  return out;
}

}  // namespace internal

namespace {

using base::fail;
using internal::Map;
using internal::Node;

ManifestPolicy read_manifest(const Node& node) {
  ManifestPolicy out;
  Map map(node);
  internal::read_optional(map, "model_sha256", out.model_sha256);
  if (const auto list = map.find("software_versions")) out.software_versions = internal::read_texts(*list);
  if (const auto list = map.find("isolation_postures")) out.isolation_postures = internal::read_texts(*list);
  internal::read_optional(map, "isolation_policies", out.isolation_policies);
  map.finish();
  return out;
}

Unsafe read_unsafe(const Node& node) {
  Unsafe out;
  Map map(node);
  if (const auto root = map.find("trust_emulator")) out.trust_emulator = TrustEmulator{root->hex<32>()};
  if (const auto allowed = map.find("allow_incomplete_alias_check")) {
    if (allowed->boolean()) out.allow_incomplete_alias_check.emplace();
  }
  map.finish();
  return out;
}

Policy read_policy(const Node& root) {
  Policy out;
  Map map(root);
  const Node version = map.need("version");
  if (version.number<std::uint8_t>() != 1) version.refuse("only version 1 is known");
  if (const auto node = map.find("azure")) out.azure = internal::read_azure(*node);
  out.sev_snp = internal::read_sev_snp(map.need("sev_snp"), out.azure.uvm.has_value());
  if (const auto node = map.find("manifest")) out.manifest = read_manifest(*node);
  if (const auto node = map.find("unsafe")) out.unsafe = read_unsafe(*node);
  map.finish();
  return out;
}

}  // namespace

Policy safe_defaults() {
  Policy out;
  for (const auto product : evidence::sev_snp::kProducts) out.sev_snp.products[product] = {};
  out.sev_snp.measurements.reset();
  out.no_expected_software = true;
  return out;
}

Result<Policy> parse_policy(std::string_view text, std::string_view name) {
  if (text.size() > kPolicyCap) {
    return fail(ErrorKind::limit, std::string(name) + " is larger than " + std::to_string(kPolicyCap) + " bytes");
  }
  auto root = yaml::load(text, name, ErrorKind::policy);
  if (!root) return base::pass_on(root);
  internal::Problems problems{std::string(name), {}, {}};
  Policy policy = read_policy(Node(*root, problems));
  if (problems.first.empty()) problems.first = problems.missing;
  if (!problems.first.empty()) {
    return fail(ErrorKind::policy, problems.first, "", "\"blindbox policy init\" writes a policy with comments");
  }
  policy.source_name = std::string(name);
  return policy;
}

}  // namespace blindbox::policy
