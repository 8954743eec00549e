// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/collateral_memo.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "blindbox/emulator/security_processor.h"

namespace blindbox::endorsements {
namespace {

std::vector<Certificate> chain() {
  static const emulator::SecurityProcessor processor(emulator::generate_keys().value());
  std::vector<Certificate> out;
  for (const Bytes& der : processor.certificates({})) out.push_back(parse_remembered(der).value());
  return out;
}

TEST(CollateralMemo, SaysWhatParsingSays) {
  for (int round = 0; round < 2; ++round) {
    for (const Certificate& certificate : chain()) {
      const auto again = parse_remembered(certificate.der());
      ASSERT_TRUE(again);
      EXPECT_EQ(again->common_name(), Certificate::parse(certificate.der())->common_name());
      EXPECT_EQ(again->der(), certificate.der());
      Bytes longer = certificate.der();
      longer.push_back(std::byte{0});
      EXPECT_FALSE(parse_remembered(longer)) << "trailing bytes";
    }
    forget_collateral();
  }
}

TEST(CollateralMemo, AYesIsForOneKeyAndOneCertificate) {
  const auto certificates = chain();  // leaf, intermediate, root
  ASSERT_EQ(certificates.size(), 3U);
  for (int round = 0; round < 2; ++round) {
    for (const Certificate& certificate : certificates) {
      for (const Certificate& issuer : certificates) {
        EXPECT_EQ(is_signed_by(certificate, issuer), certificate.issuer_common_name() == issuer.common_name());
      }
    }
  }
  Bytes altered = certificates[0].der();
  altered.back() ^= std::byte{1};  // within the signature
  const auto forged = Certificate::parse(altered);
  ASSERT_TRUE(forged);
  EXPECT_FALSE(is_signed_by(*forged, certificates[1]));
  EXPECT_FALSE(is_signed_by(*forged, certificates[1])) << "a no is not remembered as a yes";
}

TEST(CollateralMemo, IsForManyThreads) {
  const auto certificates = chain();
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        for (const Certificate& certificate : certificates) EXPECT_TRUE(parse_remembered(certificate.der()));
        EXPECT_TRUE(is_signed_by(certificates[0], certificates[1]));
        if (round % 50 == 0) forget_collateral();
      }
    });
  }
}

}  // namespace
}  // namespace blindbox::endorsements
