// SPDX-License-Identifier: Apache-2.0
// Serialised PCR values that parse have a bank and an index for each, of the bank's size, and are those of a selection:
// handed out by it once more they are the same.
#include <algorithm>

#include "blindbox/evidence/azure_vm/pcrs.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  namespace azure_vm = blindbox::evidence::azure_vm;
  const auto values = azure_vm::parse_serialized_pcrs(blindbox::fuzz::input(data, size));
  if (!values) return 0;
  std::vector<azure_vm::PcrSelection> selections;
  blindbox::Bytes joined;
  for (const auto& [pcr, value] : *values) {
    must(pcr.index < azure_vm::kMaxPcrs, "a TPM has that PCR");
    must(!value.empty() && value.size() == azure_vm::bank_size(pcr.bank), "a value has its bank's size");
    if (selections.empty() || selections.back().hash != pcr.bank) {
      selections.push_back({pcr.bank, blindbox::Bytes(azure_vm::kMaxPcrs / 8)});
    }
    selections.back().select[pcr.index / 8U] |= std::byte{1} << (pcr.index % 8U);
    joined.insert(joined.end(), value.begin(), value.end());
  }
  const auto again = azure_vm::name_pcrs(selections, joined);
  must(again && *again == *values, "values are named by their selection");
  return 0;
}
