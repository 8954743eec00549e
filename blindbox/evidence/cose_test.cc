// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/cose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::evidence {
namespace {

using testing::HasSubstr;
using Kind = CborValue::Kind;

// Keeps the bytes beside the value that views them.
struct Parsed {
  Bytes bytes;
  Result<CborValue> value;
};

Parsed parse(const std::string& hex) {
  Bytes bytes = base::from_hex(hex).value();
  auto value = parse_cbor(bytes);
  return {std::move(bytes), std::move(value)};
}

std::string cbor_problem(const std::string& hex) {
  const Parsed parsed = parse(hex);
  return parsed.value ? "read" : parsed.value.error().detail;
}

TEST(Cbor, ReadsEveryKindOfInteger) {
  const std::pair<const char*, std::int64_t> rows[] = {
      {"00", 0},
      {"17", 23},
      {"1818", 24},
      {"1903e8", 1000},
      {"1a000f4240", 1000000},
      {"1b7fffffffffffffff", INT64_MAX},
      {"20", -1},
      {"3825", -38},
      {"3b7fffffffffffffff", INT64_MIN},
      {"1b0000000000000001", 1}};  // longer than needed, as COSE allows
  for (const auto& [hex, value] : rows) EXPECT_EQ(parse(hex).value->integer(), value) << hex;
  EXPECT_EQ(parse("1b8000000000000000").value->integer(), std::nullopt) << "2^63";
  EXPECT_EQ(parse("3b8000000000000000").value->integer(), std::nullopt);
  EXPECT_EQ(parse("40").value->integer(), std::nullopt);
}

TEST(Cbor, FindsIntegersAndTextsInAMapInAnyOrder) {
  const Parsed map = parse("a463697373626162012020c1001902020a");  // {"iss": "ab", 1: -1, -1: 1(0), 514: 10}
  ASSERT_TRUE(map.value) << map.value.error().detail;
  EXPECT_EQ(map.value->find("iss")->text(), "ab");
  EXPECT_EQ(map.value->find(1)->integer(), -1);
  EXPECT_EQ(map.value->find(-1)->kind, Kind::tag);
  EXPECT_EQ(map.value->find(-1)->children.at(0).integer(), 0);
  EXPECT_EQ(map.value->find(514)->integer(), 10);
  EXPECT_EQ(map.value->find(2), nullptr);
  EXPECT_EQ(map.value->find("is"), nullptr);
  EXPECT_EQ(parse("80").value->find(1), nullptr) << "no map";
}

TEST(Cbor, RefusesWhatHasTwoReadings) {
  EXPECT_EQ(cbor_problem("a201000100"), "duplicate key");
  EXPECT_EQ(cbor_problem("a20100180100"), "duplicate key") << "also where it is spelled otherwise";
  EXPECT_EQ(cbor_problem("a2616100616100"), "duplicate key");
  EXPECT_EQ(cbor_problem("a2010020f6"), "read");
  EXPECT_EQ(cbor_problem("a140f6"), "a key that is neither an integer nor a text");
  EXPECT_EQ(cbor_problem("5f4100ff"), "indefinite length");
  EXPECT_EQ(cbor_problem("9fff"), "indefinite length");
  EXPECT_EQ(cbor_problem("bfff"), "indefinite length");
  EXPECT_EQ(cbor_problem("ff"), "indefinite length");
  EXPECT_EQ(cbor_problem("1c"), "a reserved length");
  EXPECT_EQ(cbor_problem("f810"), "a simple value in two bytes that has one");
  EXPECT_EQ(cbor_problem("61ff"), "a text is not UTF-8");
  EXPECT_EQ(cbor_problem("0000"), "trailing bytes");
}

TEST(Cbor, RefusesEveryTruncationAndLengthsThatCannotBe) {
  const std::string whole = "a3010263616263821901f4c100218241fff93c00";
  EXPECT_EQ(cbor_problem(whole), "read");
  for (std::size_t i = 0; i < whole.size(); i += 2) EXPECT_EQ(cbor_problem(whole.substr(0, i)), "truncated") << i;
  for (const char* head : {"5b", "7b", "9b", "bb"}) {
    EXPECT_EQ(cbor_problem(std::string(head) + "ffffffffffffffff"), "truncated") << head;
    EXPECT_EQ(cbor_problem(std::string(head) + "8000000000000000"), "truncated") << head;
  }
}

TEST(Cbor, HasCapsOnDepthAndCount) {
  const auto nested = [](std::size_t depth) {
    std::string hex;
    for (std::size_t i = 0; i < depth; ++i) hex += "81";
    return hex + "00";
  };
  EXPECT_EQ(cbor_problem(nested(kCborMaxDepth)), "read");
  EXPECT_EQ(cbor_problem(nested(kCborMaxDepth + 1)), "too many values within values");
  EXPECT_EQ(cbor_problem(nested(200000)), "too many values within values");
  Bytes many = base::from_hex("990fff").value();
  many.resize(3 + 4095);
  EXPECT_TRUE(parse_cbor(many));
  many[1] = std::byte{0x10};
  many[2] = std::byte{0x00};
  many.push_back(std::byte{0});
  EXPECT_EQ(parse_cbor(many).error().detail, "too many values");
}

std::string cose_problem(const std::string& hex) {
  const Bytes bytes = base::from_hex(hex).value();
  const auto message = parse_cose_sign1(bytes);
  return message ? "read" : message.error().detail;
}

TEST(Cose, IsTaggedOrNot) {
  // 18([<< {1: -38} >>, {"timestamp": h'00'}, 'abc', h'0102'])
  const std::string array =
      "8444a1013825a16974696d657374616d7041004361626342"
      "0102";
  for (const std::string& hex : {"d2" + array, array}) {
    const Bytes bytes = base::from_hex(hex).value();
    const auto message = parse_cose_sign1(bytes);
    ASSERT_TRUE(message) << message.error().detail;
    EXPECT_EQ(message->protected_header.find(1)->integer(), -38);
    EXPECT_NE(message->unprotected_header.find("timestamp"), nullptr);
    EXPECT_EQ(base::as_text(message->payload), "abc");
    EXPECT_EQ(base::to_hex(message->signature), "0102");
    // The example's Sig_structure, written out by hand.
    EXPECT_EQ(base::to_hex(signed_bytes(*message)), "846a5369676e61747572653144a10138254043616263");
  }
  EXPECT_EQ(cose_problem("d3" + array), "another tag than 18");
  EXPECT_EQ(cose_problem("d2d2" + array), "no array of four");
}

TEST(Cose, KeepsTheProtectedBytesAsTheyAre) {
  // {1: -38} with a key that is longer than it need be.
  const Bytes bytes = base::from_hex(
                          "d28445a118013825a04161"
                          "4102")
                          .value();
  const auto message = parse_cose_sign1(bytes);
  ASSERT_TRUE(message) << message.error().detail;
  EXPECT_EQ(base::to_hex(message->protected_bytes), "a118013825");
  EXPECT_EQ(message->protected_header.find(1)->integer(), -38);
}

TEST(Cose, RefusesOtherStructures) {
  EXPECT_EQ(cose_problem("8440a041614102"), "read") << "an empty protected header";
  EXPECT_EQ(cose_problem("8341a0a04161"), "no array of four");
  EXPECT_EQ(cose_problem("8540a04161410200"), "no array of four");
  EXPECT_EQ(cose_problem("84a0a041614102"), "no headers");
  EXPECT_EQ(cose_problem("84408041614102"), "no headers");
  EXPECT_EQ(cose_problem("8440a0f64102"), "no payload") << "detached";
  EXPECT_EQ(cose_problem("8440a04161f6"), "no signature");
  EXPECT_EQ(cose_problem("844180a041614102"), "the protected header is no map");
  EXPECT_EQ(cose_problem("8441a1a041614102"), "protected header: truncated");
  EXPECT_EQ(cose_problem("8443a10126a1012541614102"), "one label in both headers");
  EXPECT_EQ(cose_problem("8443a10126a1022541614102"), "read");
  EXPECT_THAT(parse_cose_sign1(Bytes(kCoseCap + 1)).error().detail, HasSubstr("larger than 262144"));
}

}  // namespace
}  // namespace blindbox::evidence
