// SPDX-License-Identifier: Apache-2.0
// What genuine reports would have fetched is what genuine certificates answer to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/kds/answer.h"
#include "blindbox/kds/missing.h"
#include "tests/vectors/vectors.h"

namespace blindbox {
namespace {

using evidence::sev_snp::Product;
using evidence::sev_snp::SigningKey;
using kds::Request;
using kds::What;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Case {
  const char* folder;
  Product product;
  bool named;  // by the report itself
};

constexpr Case kCases[] = {
    {"milan-v2-virtee", Product::milan, false},        {"milan-v2-automata", Product::milan, false},
    {"milan-v3-aci-svn101-tav", Product::milan, true}, {"milan-v3-azcvm-lunal", Product::milan, true},
    {"milan-v3-oak-cb", Product::milan, true},         {"genoa-v3-aci-tav", Product::genoa, true},
    {"turin-v5-aci-tav", Product::turin, true},
};

TEST(KdsOnRealEvidence, asks_for_the_vcek_that_belongs_to_the_report) {
  BLINDBOX_NEED_VECTORS();
  for (const Case& row : kCases) {
    SCOPED_TRACE(row.folder);
    evidence::Evidence evidence;
    evidence.report = vectors::read(std::string(row.folder) + "/report.bin");
    const auto missing = kds::find_missing(evidence, true);
    ASSERT_TRUE(missing);
    EXPECT_TRUE(missing->leaf && missing->intermediate && missing->root && missing->crl);
    EXPECT_THAT(missing->products, Contains(row.product));
    EXPECT_EQ(missing->products.size(), row.named ? 1U : 2U);
    const Bytes vcek = vectors::read(std::string(row.folder) + "/vcek.der");
    const Request request = kds::vcek_request(row.product, missing->chip_id, missing->reported_tcb);
    const auto answer = kds::read_answer(request, vcek);
    ASSERT_TRUE(answer) << answer.error().what;
    EXPECT_THAT(answer->objects, ElementsAre(vcek));
    // With the certificate at hand, no report leaves its product open.
    evidence.certificates = {vcek};
    EXPECT_THAT(kds::find_missing(evidence, false)->products, ElementsAre(row.product));
    EXPECT_FALSE(kds::find_missing(evidence, false)->leaf);
  }
}

TEST(KdsOnRealEvidence, does_not_take_the_certificate_of_another_chip) {
  BLINDBOX_NEED_VECTORS();
  evidence::Evidence evidence;
  evidence.report = vectors::read("milan-v2-azcvm-kinvolk-wrongvcek/report.bin");
  const auto missing = kds::find_missing(evidence, false);
  ASSERT_TRUE(missing);
  const Request request = kds::vcek_request(Product::milan, missing->chip_id, missing->reported_tcb);
  const auto answer =
      kds::read_answer(request, vectors::read("milan-v2-azcvm-kinvolk-wrongvcek/vcek_of_other_chip.der"));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().what, HasSubstr("another chip"));
}

TEST(KdsOnRealEvidence, reads_the_services_own_chains_and_lists) {
  BLINDBOX_NEED_VECTORS();
  for (const auto& [file, kind, product] : {std::tuple{"ask_ark_milan.pem", SigningKey::vcek, Product::milan},
                                            std::tuple{"ask_ark_genoa.pem", SigningKey::vcek, Product::genoa},
                                            std::tuple{"ask_ark_turin_vcek.pem", SigningKey::vcek, Product::turin},
                                            std::tuple{"ask_ark_milan_vlek.pem", SigningKey::vlek, Product::milan},
                                            std::tuple{"ask_ark_genoa_vlek.pem", SigningKey::vlek, Product::genoa},
                                            std::tuple{"ask_ark_turin_vlek.pem", SigningKey::vlek, Product::turin}}) {
    const auto chain = kds::read_answer({What::chain, kind, product}, vectors::read("_roots/" + std::string(file)));
    ASSERT_TRUE(chain) << file << ": " << chain.error().what;
    EXPECT_EQ(chain->objects.size(), 2U);
  }
  for (const auto& [file, product] :
       {std::pair{"crl-milan-2022/crl.der", Product::milan}, std::pair{"_roots/test_amd_milan_crl.pem", Product::milan},
        std::pair{"_roots/test_amd_genoa_crl.pem", Product::genoa}}) {
    const auto list = kds::read_answer({What::crl, SigningKey::vcek, product}, vectors::read(file));
    ASSERT_TRUE(list) << file << ": " << list.error().what;
    EXPECT_GT(list->good_until, base::from_iso8601("2023-01-01").value());
  }
}

}  // namespace
}  // namespace blindbox
