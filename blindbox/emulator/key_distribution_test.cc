// SPDX-License-Identifier: Apache-2.0
// The answers without a socket; over HTTP they are asked for by the tests of kds.
#include "blindbox/emulator/key_distribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "blindbox/emulator/testing.h"

namespace blindbox::emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kMilanTcb = "?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219";

http::Response get(const std::string& target) {
  return answer_key_request(*test_processor(), {}, {"GET", target, {}, ""});
}

std::string chip(Product product) {
  const ByteArray<64> id = test_processor()->chip_id(product);
  return base::to_hex(ByteView(id).first(product == Product::turin ? 8 : 64));
}

TEST(KeyDistribution, hands_out_the_vcek_of_its_chip_at_the_tcb_that_is_asked_for) {
  const auto answer = get("/vcek/v1/Milan/" + chip(Product::milan) + kMilanTcb);
  ASSERT_EQ(answer.status, 200U);
  const Guest guest{.product = Product::milan};  // whose usual TCB it is
  EXPECT_EQ(base::to_bytes(base::view(answer.body)), test_processor()->certificates(guest).front());
  const auto other = get("/vcek/v1/Milan/" + chip(Product::milan) + "?ucodeSPL=1&blSPL=4&teeSPL=0&snpSPL=24");
  EXPECT_EQ(other.status, 200U);
  EXPECT_NE(other.body, answer.body);
  EXPECT_EQ(
      get("/vcek/v1/Turin/" + chip(Product::turin) + "?fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=81").status,
      200U);
}

TEST(KeyDistribution, refuses_what_is_not_exactly_a_request) {
  const std::string milan = "/vcek/v1/Milan/" + chip(Product::milan);
  for (const std::string& query :
       {std::string(""), std::string("?"), std::string("?blSPL=04&teeSPL=00&snpSPL=24"), kMilanTcb + "&fmcSPL=01",
        kMilanTcb + "&blSPL=04", std::string("?blSPL=256&teeSPL=00&snpSPL=24&ucodeSPL=219"),
        std::string("?blSPL&teeSPL=00&snpSPL=24&ucodeSPL=219"), std::string("?blSPL=0x4&teeSPL=0&snpSPL=24&ucodeSPL=1"),
        std::string("?blSPL=-1&teeSPL=00&snpSPL=24&ucodeSPL=219"), std::string("?&&")}) {
    EXPECT_EQ(get(milan + query).status, 400U) << query;
  }
  for (const std::string& target :
       {std::string("/"), std::string("/vcek/v1/Milan"), std::string("/vcek/v2/Milan/crl"),
        std::string("/vcek/v1/Rome/crl"), std::string("/ark/v1/Milan/crl"),
        "/vcek/v1/Genoa/" + chip(Product::milan) + kMilanTcb, "/vcek/v1/Milan/" + std::string(128, '0') + kMilanTcb,
        "/vlek/v1/Milan/" + chip(Product::milan) + kMilanTcb, std::string("/vcek/v1/Milan/crl/")}) {
    EXPECT_EQ(get(target).status, 404U) << target;
  }
  EXPECT_EQ(answer_key_request(*test_processor(), {}, {"POST", "/vcek/v1/Milan/crl", {}, ""}).status, 405U);
}

TEST(KeyDistribution, hands_out_chains_and_lists) {
  for (const char* family : {"vcek", "vlek"}) {
    const auto chain = get(std::string("/") + family + "/v1/Genoa/cert_chain");
    ASSERT_EQ(chain.status, 200U);
    EXPECT_THAT(chain.body, StartsWith("-----BEGIN CERTIFICATE-----\n"));
  }
  EXPECT_NE(get("/vcek/v1/Genoa/cert_chain").body, get("/vlek/v1/Genoa/cert_chain").body);
  const auto revoked = SecurityProcessor::ask_serial(Product::genoa);
  const auto answer = answer_key_request(*test_processor(), {revoked}, {"GET", "/vcek/v1/Genoa/crl", {}, ""});
  ASSERT_EQ(answer.status, 200U);
  const unsigned char* at = base::uchars(base::view(answer.body));
  const openssl::Crl crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(answer.body.size())));
  ASSERT_NE(crl, nullptr);
  ASSERT_EQ(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl.get())), 1);
  const auto* entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl.get()), 0);
  EXPECT_EQ(ASN1_INTEGER_get(X509_REVOKED_get0_serialNumber(entry)), static_cast<long>(revoked));
}

TEST(KeyDistribution, says_what_it_is) {
  for (const char* target : {"/vcek/v1/Milan/crl", "/nothing"}) {
    const auto answer = get(target);
    ASSERT_EQ(answer.fields.size(), 1U);
    EXPECT_EQ(answer.fields.front().first, "Server");
    EXPECT_THAT(answer.fields.front().second, HasSubstr("NOT A TEE"));
  }
}

TEST(KeyDistribution, listens_on_loopback_alone) {
  const auto refused = KeyDistribution::start(test_processor(), {{"0.0.0.0", 0}, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::usage);
  const auto started = KeyDistribution::start(test_processor(), {});
  ASSERT_TRUE(started);
  EXPECT_THAT((*started)->url(), StartsWith("http://127.0.0.1:"));
  EXPECT_THAT((*started)->url(), ::testing::Not(::testing::EndsWith(":0")));
}

}  // namespace
}  // namespace blindbox::emulator
