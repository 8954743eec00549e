// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/emulator/key_distribution.h"
#include "blindbox/emulator/testing.h"

namespace blindbox::kds {
namespace {

using emulator::Guest;
using emulator::test_processor;
using ::testing::HasSubstr;

std::string from_service(const Request& request) {
  const auto response = emulator::answer_key_request(*test_processor(), {}, {"GET", target(request), {}, ""});
  EXPECT_EQ(response.status, 200U) << target(request);
  return response.body;
}

Request vcek_of(Product product) {
  return vcek_request(product, test_processor()->chip_id(product),
                      evidence::sev_snp::encode_tcb(emulator::usual_tcb(product), product));
}

std::string pem(const std::string& label, const std::string& der, const std::string& header = "") {
  return "-----BEGIN " + label + "-----\n" + header + base::to_base64(base::view(der)) + "\n-----END " + label +
         "-----\n";
}

Result<Answer> read(const Request& request, const std::string& body) { return read_answer(request, base::view(body)); }

void expect_malformed(const Request& request, const std::string& body, const std::string& what) {
  const auto answer = read(request, body);
  ASSERT_FALSE(answer) << what;
  EXPECT_EQ(answer.error().kind, ErrorKind::malformed) << what;
  EXPECT_THAT(answer.error().what, HasSubstr(what));
}

TEST(Answer, is_what_was_asked_for_in_der_or_pem) {
  for (const Product product : evidence::sev_snp::kProducts) {
    const std::string der = from_service(vcek_of(product));
    for (const std::string& body : {der, pem("CERTIFICATE", der)}) {
      const auto vcek = read(vcek_of(product), body);
      ASSERT_TRUE(vcek) << vcek.error().what;
      ASSERT_EQ(vcek->objects.size(), 1U);
      EXPECT_EQ(base::as_text(vcek->objects.front()), der);
    }
    for (const SigningKey kind : {SigningKey::vcek, SigningKey::vlek}) {
      const Request chain{What::chain, kind, product};
      const auto answer = read(chain, from_service(chain));
      ASSERT_TRUE(answer) << answer.error().what;
      EXPECT_EQ(
          answer->objects,
          (std::vector<Bytes>{test_processor()->certificates(Guest{.product = product, .signing_key = kind})[1],
                              test_processor()->certificates(Guest{.product = product, .signing_key = kind})[2]}));
      const Request list{What::crl, kind, product};
      const std::string crl = from_service(list);
      for (const std::string& body : {crl, pem("X509 CRL", crl)}) {
        const auto revoked = read(list, body);
        ASSERT_TRUE(revoked) << revoked.error().what;
        EXPECT_EQ(base::as_text(revoked->objects.front()), crl);
        EXPECT_GT(revoked->good_until, base::now());
      }
    }
  }
}

TEST(Answer, is_of_this_chip_tcb_product_and_kind) {
  const Request milan = vcek_of(Product::milan);
  const std::string der = from_service(milan);
  Request other = milan;
  other.hwid.front() ^= std::byte{1};
  expect_malformed(other, der, "another chip");
  other = milan;
  other.tcb.microcode ^= 1;
  expect_malformed(other, der, "another TCB");
  other = milan;
  other.product = Product::genoa;
  expect_malformed(other, der, "of Milan");
  const Request chain{What::chain, SigningKey::vcek, Product::milan};
  expect_malformed(milan, from_service(chain), "2 certificates");
  expect_malformed({What::chain, SigningKey::vlek, Product::milan}, from_service(chain), "does not belong");
  expect_malformed({What::chain, SigningKey::vcek, Product::turin}, from_service(chain), "does not belong");
  expect_malformed(chain, pem("CERTIFICATE", der), "does not belong");
  const auto certificates = test_processor()->certificates(Guest{.product = Product::milan});
  expect_malformed(milan, std::string(base::as_text(certificates[2])), "no VCEK");
  const Request list{What::crl, SigningKey::vcek, Product::milan};
  expect_malformed({What::crl, SigningKey::vcek, Product::genoa}, from_service(list), "another issuer than ARK-Genoa");
  expect_malformed(list, der, "not DER");
  expect_malformed(milan, from_service(list), "not DER");
}

TEST(Answer, is_whole) {
  const Request vcek = vcek_of(Product::milan);
  const Request chain{What::chain, SigningKey::vcek, Product::milan};
  const Request list{What::crl, SigningKey::vcek, Product::milan};
  for (const Request& request : {vcek, chain, list}) {
    const std::string body = from_service(request);
    // A chain's last line break may be missing.
    const std::size_t whole = request.what == What::chain ? body.size() - 1 : body.size();
    for (std::size_t size = 0; size < whole; size += size < 64 || size + 64 > whole ? 1 : 61) {
      EXPECT_FALSE(read(request, body.substr(0, size))) << describe(request) << " cut at " << size;
    }
  }
  expect_malformed(vcek, from_service(vcek) + "x", "trailing");
  expect_malformed(list, from_service(list) + "x", "trailing");
}

TEST(Answer, is_no_other_text) {
  const Request vcek = vcek_of(Product::milan);
  const std::string der = from_service(vcek);
  const Request chain{What::chain, SigningKey::vcek, Product::milan};
  expect_malformed(vcek, "<html>a captive portal</html>", "not DER");
  expect_malformed(chain, "<html>a captive portal</html>", "not DER");
  expect_malformed(vcek, pem("PRIVATE KEY", der), "other than CERTIFICATE");
  expect_malformed(vcek, pem("CERTIFICATE", der, "Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,0\n\n"), "a PEM block");
  expect_malformed(vcek, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", "does not decode");
  std::string many;
  for (int i = 0; i < 9; ++i) many += pem("CERTIFICATE", der);
  expect_malformed(chain, many, "more than 8");
  const std::string twice = from_service(chain) + from_service(chain);
  expect_malformed(chain, twice, "not one");
}

TEST(Answer, has_a_cap) {
  for (const What what : {What::vcek, What::chain, What::crl}) {
    const Request request{what, SigningKey::vcek, Product::milan};
    expect_malformed(request, std::string(body_cap(what) + 1, 'x'), "more than " + std::to_string(body_cap(what)));
  }
  EXPECT_EQ(body_cap(What::vcek), 16U * 1024);
  EXPECT_EQ(body_cap(What::chain), 64U * 1024);
  EXPECT_EQ(body_cap(What::crl), 1024U * 1024);
}

}  // namespace
}  // namespace blindbox::kds
