// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/certificate_table.h"

#include <array>

namespace blindbox::emulator {
namespace {

constexpr std::size_t kEntrySize = 24;

void put_u32(Bytes& out, std::size_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(value >> shift));
}

}  // namespace

Bytes certificate_table(const std::vector<Bytes>& chain, SigningKey leaf) {
  const std::array<const char*, 3> guids{leaf == SigningKey::vlek ? "a8074bc2a25a483eaae639c045a0b8a1"   // VLEK
                                                                  : "63da758de6644564adc5f4b93be8accd",  // VCEK
                                         "4ab7b379bbac4fe4a02f05aef327c782",                             // ASK
                                         "c0b406a4a803495297433fb6014cd0ae"};                            // ARK
  Bytes table;
  std::size_t offset = (chain.size() + 1) * kEntrySize;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Bytes guid = base::from_hex(guids.at(i)).value();
    table.insert(table.end(), guid.begin(), guid.end());
    put_u32(table, offset);
    put_u32(table, chain[i].size());
    offset += chain[i].size();
  }
  table.resize(table.size() + kEntrySize);  // the end mark
  for (const Bytes& certificate : chain) table.insert(table.end(), certificate.begin(), certificate.end());
  return table;
}

}  // namespace blindbox::emulator
