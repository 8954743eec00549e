// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/azure_vm/quote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::evidence::azure_vm {
namespace {

constexpr std::string_view kMagicType = "ff5443478018";
constexpr std::string_view kSigner = "0003000baa";
constexpr std::string_view kExtra = "0002beef";
constexpr std::string_view kClock = "0000000000000102 00000003 00000004 01 2020031200120003";
constexpr std::string_view kSelection = "00000002 0004 03 000000 000b 03 110080";
constexpr std::string_view kDigest = "0001cc";

Bytes hex(std::string text) {
  std::erase(text, ' ');
  return base::from_hex(text).value();
}

// The parts, one of them replaced.
struct Parts {
  std::string_view magic_type = kMagicType;
  std::string_view signer = kSigner;
  std::string_view extra = kExtra;
  std::string_view clock = kClock;
  std::string_view selection = kSelection;
  std::string_view digest = kDigest;
};

Bytes build(const Parts& p) {
  std::string text;
  for (const auto part : {p.magic_type, p.signer, p.extra, p.clock, p.selection, p.digest}) text += part;
  return hex(text);
}

std::string problem(const Bytes& bytes) {
  const auto quote = parse_quote(bytes);
  if (quote) return "none";
  EXPECT_EQ(quote.error().kind, ErrorKind::malformed);
  return quote.error().what;
}

TEST(Quote, IsReadFieldByField) {
  const auto quote = parse_quote(build({}));
  ASSERT_TRUE(quote) << quote.error().what;
  EXPECT_EQ(base::to_hex(quote->qualified_signer), "000baa");
  EXPECT_EQ(base::to_hex(quote->extra_data), "beef");
  EXPECT_EQ(quote->clock, 0x102U);
  EXPECT_EQ(quote->reset_count, 3U);
  EXPECT_EQ(quote->restart_count, 4U);
  EXPECT_TRUE(quote->safe);
  EXPECT_EQ(quote->firmware_version, 0x2020031200120003U);
  ASSERT_EQ(quote->pcr_select.size(), 2U);
  EXPECT_THAT(quote->pcr_select[0].pcrs(), testing::IsEmpty());
  EXPECT_EQ(quote->pcr_select[1].hash, kTpmAlgSha256);
  EXPECT_THAT(quote->pcr_select[1].pcrs(), testing::ElementsAre(0, 4, 23));
  EXPECT_EQ(base::to_hex(quote->pcr_digest), "cc");
}

TEST(Quote, CutAnywhereOrLongerIsRefused) {
  Bytes whole = build({});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_quote(ByteView(whole).first(size))) << size;
  }
  whole.push_back(std::byte{0});
  EXPECT_THAT(problem(whole), testing::HasSubstr("behind its end"));
  whole.resize(kQuoteCap + 1);
  EXPECT_THAT(problem(whole), testing::HasSubstr("larger than"));
}

TEST(Quote, OfAnotherKindIsRefused) {
  EXPECT_THAT(problem(build({.magic_type = "ff5443488018"})), testing::HasSubstr("magic"));
  EXPECT_THAT(problem(build({.magic_type = "ff5443478017"})), testing::HasSubstr("type"));
  EXPECT_THAT(problem(build({.clock = "0000000000000102 00000003 00000004 02 2020031200120003"})),
              testing::HasSubstr("clock"));
}

TEST(Quote, WithFieldsLargerThanTheirTypesIsRefused) {
  const auto sized = [](std::size_t size) {
    return std::string("00") + base::to_hex(Bytes(1, static_cast<std::byte>(size))) + std::string(size * 2, 'a');
  };
  const std::string most = sized(66), more = sized(67), digest = sized(64), long_digest = sized(65);
  EXPECT_EQ(problem(build({.signer = most, .extra = most, .digest = digest})), "none");
  EXPECT_NE(problem(build({.signer = more})), "none");
  EXPECT_NE(problem(build({.extra = more})), "none");
  EXPECT_NE(problem(build({.digest = long_digest})), "none");
  EXPECT_THAT(problem(build({.selection = "00000001 000b 04 00000001"})), testing::HasSubstr("selection"));
  EXPECT_THAT(problem(build({.selection = "00000001 000b 00"})), testing::HasSubstr("selection"));
  EXPECT_THAT(problem(build({.selection = "00000011"})), testing::HasSubstr("banks"));
  EXPECT_THAT(problem(build({.selection = "ffffffff"})), testing::HasSubstr("banks"));
  EXPECT_THAT(problem(build({.selection = "00000002 000b 01 01 000b 01 02"})), testing::HasSubstr("twice"));
  EXPECT_EQ(problem(build({.selection = "00000000"})), "none");
}

TEST(QuoteSignature, IsReadFramedOrBare) {
  const Bytes bare(256, std::byte{0x14});
  auto signature = parse_quote_signature(bare);
  ASSERT_TRUE(signature);
  EXPECT_FALSE(signature->scheme);
  EXPECT_FALSE(signature->hash);
  EXPECT_EQ(signature->signature, bare);
  for (const auto& [name, scheme] : {std::pair{"0014", RsaScheme::rsassa}, {"0016", RsaScheme::rsapss}}) {
    Bytes framed = hex(std::string(name) + "000c 0100");
    framed.insert(framed.end(), bare.begin(), bare.end());
    signature = parse_quote_signature(framed);
    ASSERT_TRUE(signature);
    EXPECT_EQ(signature->scheme, scheme);
    EXPECT_EQ(signature->hash, 0x000C);
    EXPECT_EQ(signature->signature, bare);
    framed.pop_back();
    EXPECT_FALSE(parse_quote_signature(framed));
  }
}

TEST(QuoteSignature, OfAnotherSchemeOrSizeIsRefused) {
  EXPECT_FALSE(parse_quote_signature({}));
  EXPECT_FALSE(parse_quote_signature(hex("0014000b")));
  // ECDSA: two numbers.
  EXPECT_FALSE(parse_quote_signature(hex("0018000b0020" + std::string(64, 'a') + "0020" + std::string(64, 'a'))));
  EXPECT_FALSE(parse_quote_signature(Bytes(255)));
  EXPECT_FALSE(parse_quote_signature(Bytes(120)));
  EXPECT_TRUE(parse_quote_signature(Bytes(1024)));
  EXPECT_FALSE(parse_quote_signature(Bytes(1032)));
}

}  // namespace
}  // namespace blindbox::evidence::azure_vm
