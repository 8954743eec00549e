// SPDX-License-Identifier: Apache-2.0
// The parts of a policy, read from their places in the tree.
#pragma once

#include "blindbox/policy/policy.h"
#include "blindbox/yaml/yaml.h"

namespace blindbox::policy::internal {

using yaml::Map;
using yaml::Node;
using yaml::Problems;
using yaml::Sequence;

template <std::size_t N>
std::vector<ByteArray<N>> read_digests(const Node& node) {
  std::vector<ByteArray<N>> out;
  for (const Node& item : Sequence(node).items()) out.push_back(item.hex<N>());
  return out;
}

template <std::size_t N>
void read_optional(Map& map, std::string_view key, std::optional<std::vector<ByteArray<N>>>& out) {
  if (const auto list = map.find(key)) out = read_digests<N>(*list);
}

std::vector<std::string> read_texts(const Node& node);

// endorsed: azure.uvm vouches for the launch digest, so that measurements may be left out.
SevSnpPolicy read_sev_snp(const Node& node, bool endorsed);
AzurePolicy read_azure(const Node& node);

}  // namespace blindbox::policy::internal
