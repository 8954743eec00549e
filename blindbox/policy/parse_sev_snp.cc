// SPDX-License-Identifier: Apache-2.0
#include "blindbox/policy/internal/keys.h"
#include "blindbox/policy/internal/read.h"

namespace blindbox::policy::internal {
namespace {

using evidence::sev_snp::FirmwareVersion;
using evidence::sev_snp::Product;
using evidence::sev_snp::Tcb;

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

// "1.55.22": exactly count numbers of a byte each.
std::vector<std::uint8_t> read_dotted(const Node& node, std::size_t count, std::string_view example) {
  const std::string text = node.text();
  std::vector<std::uint8_t> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (out.size() < count) {
    std::uint8_t part = 0;
    const auto [stop, error] = std::from_chars(at, end, part);
    if (error != std::errc{}) break;
    out.push_back(part);
    at = stop;
    if (out.size() == count || at == end || *at != '.') break;
    ++at;
  }
  if (out.size() != count || at != end) {
    node.refuse("expected a version such as \"" + std::string(example) + "\"");
    out.assign(count, 0);
  }
  return out;
}

ProductPolicy read_product(const Node& node, Product product) {
  ProductPolicy out;
  Map fields(node);
  out.minimum_tcb = read_tcb(fields.need("minimum_tcb"), product);
  if (const auto firmware = fields.find("minimum_firmware")) {
    const auto parts = read_dotted(*firmware, 3, "1.55.22");
    out.minimum_firmware = FirmwareVersion{.build = parts[2], .minor = parts[1], .major = parts[0]};
  }
  fields.finish();
  return out;
}

void read_products(const Node& node, SevSnpPolicy& out) {
  Map products(node);
  for (const Product product : evidence::sev_snp::kProducts) {
    const auto entry = products.find(std::string(evidence::sev_snp::product_name(product)));
    if (entry) out.products[product] = read_product(*entry, product);
  }
  products.finish();
  if (out.products.empty()) node.refuse("no product is accepted");
}

GuestPolicy read_guest_policy(const Node& node) {
  GuestPolicy out;
  Map map(node);
  for (const GuestFlag& flag : kGuestFlags) {
    if (const auto value = map.find(flag.key)) out.*flag.value = value->boolean();
  }
  if (const auto abi = map.find("minimum_abi")) {
    const auto parts = read_dotted(*abi, 2, "1.51");
    out.minimum_abi_major = parts[0];
    out.minimum_abi_minor = parts[1];
  }
  map.finish();
  return out;
}

std::uint64_t read_platform_bit(const Node& node) {
  const std::string name = node.text();
  for (const PlatformBit& known : kPlatformBits) {
    if (name == known.name) return std::uint64_t{1} << known.bit;
  }
  unsigned bit = 64;
  if (name.starts_with("bit_")) {
    const auto [stop, error] = std::from_chars(name.data() + 4, name.data() + name.size(), bit);
    if (error == std::errc{} && stop == name.data() + name.size() && bit < 64) return std::uint64_t{1} << bit;
  }
  std::string names;
  for (const PlatformBit& known : kPlatformBits) names += std::string(known.name) + ", ";
  node.refuse("expected one of " + names + "or bit_0 to bit_63");
  return 0;
}

PlatformInfoPolicy read_platform_info(const Node& node) {
  PlatformInfoPolicy out;
  Map map(node);
  const auto bits = [&](std::string_view key, std::uint64_t& mask) {
    const auto list = map.find(key);
    if (!list) return;
    for (const Node& item : Sequence(*list).items()) mask |= read_platform_bit(item);
  };
  bits("required", out.required);
  bits("refused", out.refused);
  map.finish();
  if ((out.required & out.refused) != 0) node.refuse("a bit cannot be both required and refused");
  return out;
}

MitigationPolicy read_mitigations(const Node& node) {
  MitigationPolicy out;
  Map map(node);
  if (const auto mask = map.find("launch")) out.launch = mask->mask();
  if (const auto mask = map.find("current")) out.current = mask->mask();
  map.finish();
  return out;
}

void read_identity(Map& map, SevSnpPolicy& out) {
  read_optional(map, "host_data", out.host_data);
  read_optional(map, "chip_ids", out.chip_ids);
  read_optional(map, "family_ids", out.family_ids);
  read_optional(map, "image_ids", out.image_ids);
  read_optional(map, "id_key_digests", out.id_key_digests);
  read_optional(map, "author_key_digests", out.author_key_digests);
  if (const auto svn = map.find("minimum_guest_svn")) out.minimum_guest_svn = svn->number<std::uint32_t>();
}

}  // namespace

SevSnpPolicy read_sev_snp(const Node& node, bool endorsed) {
  SevSnpPolicy out;
  Map map(node);
  read_products(map.need("products"), out);
  const auto measurements = endorsed ? map.find("measurements") : std::optional(map.need("measurements"));
  out.measurements.reset();
  if (measurements) out.measurements = read_digests<48>(*measurements);
  read_identity(map, out);
  if (const auto vmpl = map.find("vmpl")) {
    out.vmpl = vmpl->number<std::uint8_t>();
    if (out.vmpl > 3) vmpl->refuse("a guest's vmpl is 0 to 3");
  }
  if (const auto flag = map.find("require_crl")) out.require_crl = flag->boolean();
  if (const auto part = map.find("guest_policy")) out.guest_policy = read_guest_policy(*part);
  if (const auto part = map.find("platform_info")) out.platform_info = read_platform_info(*part);
  if (const auto part = map.find("mitigation_vectors")) out.mitigations = read_mitigations(*part);
  map.finish();
  return out;
}

}  // namespace blindbox::policy::internal
