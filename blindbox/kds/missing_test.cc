// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/missing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/emulator/testing.h"

namespace blindbox::kds {
namespace {

using emulator::Guest;
using emulator::test_processor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

evidence::Evidence evidence_of(const Guest& guest) { return test_processor()->evidence(guest, {}); }

evidence::Evidence bare(const Guest& guest) {
  auto evidence = evidence_of(guest);
  evidence.certificates.clear();
  return evidence;
}

TEST(Missing, is_nothing_where_all_is_there) {
  for (const SigningKey kind : {SigningKey::vcek, SigningKey::vlek}) {
    const auto missing = find_missing(evidence_of(Guest{.signing_key = kind}), false);
    ASSERT_TRUE(missing);
    EXPECT_TRUE(missing->nothing());
  }
}

TEST(Missing, is_what_is_not_there) {
  const auto all = evidence_of(Guest{.product = Product::turin, .version = 5});
  for (unsigned there = 0; there < 8; ++there) {
    auto evidence = all;
    evidence.certificates.clear();
    for (unsigned i = 0; i < 3; ++i) {
      if ((there >> i & 1U) != 0) evidence.certificates.push_back(all.certificates[i]);
    }
    const auto missing = find_missing(evidence, false);
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->leaf, (there & 1U) == 0);
    EXPECT_EQ(missing->intermediate, (there & 2U) == 0);
    EXPECT_EQ(missing->root, (there & 4U) == 0);
    EXPECT_EQ(missing->nothing(), there == 7);
    EXPECT_TRUE(there == 7 || missing->products == std::vector{Product::turin});
  }
}

TEST(Missing, is_a_list_where_one_is_wanted_and_none_is_there) {
  auto evidence = evidence_of(Guest{});
  EXPECT_FALSE(find_missing(evidence, false)->crl);
  EXPECT_TRUE(find_missing(evidence, true)->crl);
  evidence.crls.push_back({std::byte{0}});  // whatever it is: the verifier judges it
  EXPECT_FALSE(find_missing(evidence, true)->crl);
  const auto day = std::chrono::hours(24);
  const auto list = [&](Product product) {
    return test_processor()->crl(product, {}, base::now() - day, base::now() + day);
  };
  evidence.crls = {list(Product::turin), list(Product::genoa)};
  EXPECT_TRUE(find_missing(evidence, true)->crl) << "lists of other roots' are none of this chain's";
  evidence.crls.push_back(list(Product::milan));
  EXPECT_FALSE(find_missing(evidence, true)->crl);
}

TEST(Missing, tells_the_product_by_report_or_certificates) {
  const auto products = [](const evidence::Evidence& evidence) { return find_missing(evidence, false)->products; };
  EXPECT_THAT(products(bare(Guest{.product = Product::genoa})), ElementsAre(Product::genoa));
  EXPECT_THAT(products(bare(Guest{.product = Product::genoa, .cpuid_family = {0x19}, .cpuid_model = {0xA0}})),
              ElementsAre(Product::genoa));  // Siena and Bergamo
  // Version 2 does not say.
  const Guest old{.product = Product::genoa, .version = 2};
  EXPECT_THAT(products(bare(old)), ElementsAre(Product::milan, Product::genoa));
  for (std::size_t i = 0; i < 3; ++i) {
    auto evidence = bare(old);
    evidence.certificates = {evidence_of(old).certificates[i]};
    EXPECT_THAT(products(evidence), ElementsAre(Product::genoa)) << i;
  }
}

TEST(Missing, is_nothing_for_evidence_that_nothing_can_save) {
  const auto nothing = [](const evidence::Evidence& evidence) {
    const auto missing = find_missing(evidence, true);
    return missing && missing->nothing();
  };
  EXPECT_TRUE(nothing({}));
  auto cut = bare(Guest{});
  cut.report.pop_back();
  EXPECT_TRUE(nothing(cut));
  auto garbage = bare(Guest{});
  garbage.certificates = {{std::byte{0x30}}};
  EXPECT_TRUE(nothing(garbage));
  EXPECT_TRUE(nothing(bare(Guest{.signing_key = SigningKey::none})));
  EXPECT_TRUE(nothing(bare(Guest{.mask_chip_key = true})));
  EXPECT_TRUE(nothing(bare(Guest{.cpuid_family = {0x19}, .cpuid_model = {0x50}})));
}

TEST(Missing, names_what_amd_hands_to_nobody) {
  const auto vlek = find_missing(bare(Guest{.signing_key = SigningKey::vlek}), false);
  ASSERT_FALSE(vlek);
  EXPECT_EQ(vlek.error().kind, ErrorKind::network);
  EXPECT_THAT(vlek.error().what, HasSubstr("VLEK"));
  EXPECT_THAT(vlek.error().hint, HasSubstr("provider"));
  const auto hidden = find_missing(bare(Guest{.chip_id = ByteArray<64>{}}), false);
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().kind, ErrorKind::network);
  EXPECT_THAT(hidden.error().what, HasSubstr("hides"));
}

}  // namespace
}  // namespace blindbox::kds
