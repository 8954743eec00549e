// SPDX-License-Identifier: Apache-2.0
#include "blindbox/policy/internal/yaml.h"
#include "blindbox/policy/policy.h"

namespace blindbox::policy {
namespace {

using base::fail;
using evidence::sev_snp::Product;
using evidence::sev_snp::Tcb;
using internal::Map;
using internal::Node;
using internal::Sequence;

Tcb read_tcb(const Node& node, Product product) {
  Map map(node);
  Tcb tcb;
  // All of them: a part that is left out by mistake would accept anything.
  if (product == Product::turin) tcb.fmc = map.need("fmc").number<std::uint8_t>();
  tcb.bootloader = map.need("bootloader").number<std::uint8_t>();
  tcb.tee = map.need("tee").number<std::uint8_t>();
  tcb.snp = map.need("snp").number<std::uint8_t>();
  tcb.microcode = map.need("microcode").number<std::uint8_t>();
  map.finish();
  return tcb;
}

template <std::size_t N>
std::vector<ByteArray<N>> read_digests(const Node& node) {
  std::vector<ByteArray<N>> out;
  for (const Node& item : Sequence(node).items()) out.push_back(item.hex<N>());
  return out;
}

std::vector<std::string> read_texts(const Node& node) {
  std::vector<std::string> out;
  for (const Node& item : Sequence(node).items()) out.push_back(item.text());
  return out;
}

void read_products(const Node& node, SevSnpPolicy& out) {
  Map products(node);
  for (const Product product : evidence::sev_snp::kProducts) {
    const auto entry = products.find(std::string(evidence::sev_snp::product_name(product)));
    if (!entry) continue;
    Map fields(*entry);
    out.products[product] = read_tcb(fields.need("minimum_tcb"), product);
    fields.finish();
  }
  products.finish();
  if (out.products.empty()) node.refuse("no product is accepted");
}

SevSnpPolicy read_sev_snp(const Node& node) {
  SevSnpPolicy out;
  Map map(node);
  read_products(map.need("products"), out);
  out.measurements = read_digests<48>(map.need("measurements"));
  if (const auto list = map.find("host_data")) out.host_data = read_digests<32>(*list);
  if (const auto list = map.find("chip_ids")) out.chip_ids = read_digests<64>(*list);
  if (const auto vmpl = map.find("vmpl")) {
    out.vmpl = vmpl->number<std::uint8_t>();
    if (out.vmpl > 3) vmpl->refuse("a guest's vmpl is 0 to 3");
  }
  if (const auto flag = map.find("require_crl")) out.require_crl = flag->boolean();
  if (const auto flag = map.find("require_smt_disabled")) out.require_smt_disabled = flag->boolean();
  if (const auto flag = map.find("require_single_socket")) out.require_single_socket = flag->boolean();
  map.finish();
  return out;
}

ManifestPolicy read_manifest(const Node& node) {
  ManifestPolicy out;
  Map map(node);
  if (const auto list = map.find("model_sha256")) out.model_sha256 = read_digests<32>(*list);
  if (const auto list = map.find("software_versions")) out.software_versions = read_texts(*list);
  if (const auto list = map.find("isolation_postures")) out.isolation_postures = read_texts(*list);
  map.finish();
  return out;
}

Unsafe read_unsafe(const Node& node) {
  Unsafe out;
  Map map(node);
  if (const auto root = map.find("trust_emulator")) out.trust_emulator = TrustEmulator{root->hex<32>()};
  map.finish();
  return out;
}

Policy read_policy(const Node& root) {
  Policy out;
  Map map(root);
  const Node version = map.need("version");
  if (version.number<std::uint8_t>() != 1) version.refuse("only version 1 is known");
  out.sev_snp = read_sev_snp(map.need("sev_snp"));
  if (const auto node = map.find("manifest")) out.manifest = read_manifest(*node);
  if (const auto node = map.find("unsafe")) out.unsafe = read_unsafe(*node);
  map.finish();
  return out;
}

}  // namespace

Result<Policy> parse_policy(std::string_view yaml, std::string_view name) {
  if (yaml.size() > kPolicyCap) {
    return fail(ErrorKind::limit, std::string(name) + " is larger than " + std::to_string(kPolicyCap) + " bytes");
  }
  auto root = internal::load(yaml, name);
  if (!root) return base::pass_on(root);
  internal::Problems problems{std::string(name), {}};
  Policy policy = read_policy(Node(*root, problems));
  if (!problems.first.empty()) {
    return fail(ErrorKind::policy, problems.first, "",
                "\"blindbox serve --print-policy\" writes a policy with comments");
  }
  policy.source_name = std::string(name);
  return policy;
}

}  // namespace blindbox::policy
