// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/request.h"

#include <gtest/gtest.h>

#include <set>

namespace blindbox::kds {
namespace {

ByteArray<64> chip(std::size_t significant) {
  ByteArray<64> id{};
  for (std::size_t i = 0; i < significant; ++i) id.at(i) = static_cast<std::byte>(0xA0 + i);
  return id;
}

TEST(Request, names_a_chip_and_its_tcb_as_amd_does) {
  // TCB_VERSION of Milan and Genoa: boot loader first, microcode last; levels are decimal, of two digits at least.
  const Request milan = vcek_request(Product::milan, chip(64), 0xDB18000000000004);
  EXPECT_EQ(target(milan), "/vcek/v1/Milan/" + base::to_hex(chip(64)) + "?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219");
  const Request genoa = vcek_request(Product::genoa, chip(64), 0x5417000000000A01);
  EXPECT_EQ(target(genoa), "/vcek/v1/Genoa/" + base::to_hex(chip(64)) + "?blSPL=01&teeSPL=10&snpSPL=23&ucodeSPL=84");
  // Turin: eight bytes of id, and FMC before the others.
  const Request turin = vcek_request(Product::turin, chip(8), 0x5100000004010203);
  EXPECT_EQ(target(turin), "/vcek/v1/Turin/a0a1a2a3a4a5a6a7?fmcSPL=03&blSPL=02&teeSPL=01&snpSPL=04&ucodeSPL=81");
}

TEST(Request, names_chains_and_lists_by_product_and_kind) {
  EXPECT_EQ(target({What::chain, SigningKey::vcek, Product::turin}), "/vcek/v1/Turin/cert_chain");
  EXPECT_EQ(target({What::chain, SigningKey::vlek, Product::milan}), "/vlek/v1/Milan/cert_chain");
  EXPECT_EQ(target({What::crl, SigningKey::vcek, Product::genoa}), "/vcek/v1/Genoa/crl");
  EXPECT_EQ(target({What::crl, SigningKey::vlek, Product::genoa}), "/vlek/v1/Genoa/crl");
}

TEST(Request, has_a_file_name_of_its_own_for_each_answer) {
  std::set<std::string> names;
  std::size_t count = 0;
  const auto add = [&](const Request& request) {
    const std::string name = cache_name(request);
    EXPECT_LT(name.size(), 240U);  // with what a temporary file adds, still a file's name
    EXPECT_EQ(name.find('/'), std::string::npos);
    names.insert(name);
    ++count;
  };
  for (const Product product : evidence::sev_snp::kProducts) {
    for (const SigningKey kind : {SigningKey::vcek, SigningKey::vlek}) {
      add({What::chain, kind, product});
      add({What::crl, kind, product});
    }
    add(vcek_request(product, chip(8), 1));
    add(vcek_request(product, chip(7), 1));
    add(vcek_request(product, chip(8), 2));
  }
  EXPECT_EQ(names.size(), count);
}

}  // namespace
}  // namespace blindbox::kds
