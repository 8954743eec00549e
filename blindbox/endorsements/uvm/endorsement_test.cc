// SPDX-License-Identifier: Apache-2.0
// What parses as an endorsement. Signatures and chains are judged on real and on made endorsements in tests/vectors.
#include "blindbox/endorsements/uvm/endorsement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/base/file.h"
#include "blindbox/endorsements/did_x509.h"
#include "blindbox/endorsements/uvm/internal/reference_info.h"
#include "blindbox/evidence/cbor.h"
#include "blindbox/evidence/cose.h"

namespace blindbox::endorsements::uvm {
namespace {

using testing::HasSubstr;

Bytes seed(const std::string& name) {
  return base::read_file(BLINDBOX_SOURCE_DIR "/tests/fuzz/corpus/cose/" + name, std::size_t{1} << 20).value();
}

// The seed with more members (in hexadecimal) in its protected header, and another payload where one is given.
std::string problem(const std::string& name, const std::string& members, unsigned count,
                    std::optional<std::string> payload = std::nullopt) {
  const Bytes bytes = seed(name);
  const auto message = evidence::parse_cose_sign1(bytes).value();
  Bytes header = base::to_bytes(message.protected_bytes);
  header[0] = static_cast<std::byte>(std::to_integer<unsigned>(header[0]) + count);
  const Bytes more = base::from_hex(members).value();
  header.insert(header.end(), more.begin(), more.end());
  evidence::CborWriter out;
  out.array(4);
  out.bytes(header);
  out.map(0);
  out.bytes(payload ? base::view(*payload) : message.payload);
  out.bytes(message.signature);
  const auto endorsement = parse_endorsement(out.take());
  return endorsement ? "read" : endorsement.error().detail;
}

TEST(Endorsement, SaysTheSameInBothFormats) {
  for (const char* name : {"json.cose", "cwt.cose"}) {
    const auto endorsement = parse_endorsement(seed(name));
    ASSERT_TRUE(endorsement) << name << ": " << endorsement.error().detail;
    EXPECT_EQ(endorsement->algorithm, -38);
    EXPECT_EQ(endorsement->chain.size(), 2U);
    EXPECT_EQ(endorsement->feed, "ContainerPlat-AMD-UVM");
    EXPECT_EQ(endorsement->svn, std::string(name) == "json.cose" ? 100U : 104U);
    EXPECT_EQ(base::to_iso8601(endorsement->signing_time), "2023-11-14T22:13:20Z");
    EXPECT_TRUE(check_path(endorsement->chain, std::nullopt));
    EXPECT_TRUE(check_did_x509(endorsement->issuer, endorsement->chain));
  }
}

TEST(Endorsement, OfBothFormatsAtOnceIsRefused) {
  EXPECT_EQ(problem("json.cose", "", 0), "read");
  EXPECT_EQ(problem("json.cose", "1822f6", 1), "read") << "x5t, or any other header that is not critical";
  EXPECT_EQ(problem("json.cose", "0fa0", 1), "the headers of both formats in one");
  EXPECT_EQ(problem("json.cose", "190102382a", 1), "the headers of both formats in one");
  EXPECT_EQ(problem("cwt.cose",
                    "63697373"
                    "6161",
                    1),
            "the headers of both formats in one");
  EXPECT_EQ(problem("cwt.cose", "03706170706c69636174696f6e2f6a736f6e", 1), "the headers of both formats in one");
  EXPECT_EQ(problem("plain.cose", "", 0), "x5chain is missing");
}

TEST(Endorsement, WithACriticalHeaderThatIsNotKnownIsRefused) {
  EXPECT_EQ(problem("json.cose", "02826369737303", 1), "read") << "[iss, 3]";
  EXPECT_EQ(problem("json.cose",
                    "028118"
                    "22"
                    "1822f6",
                    2),
            "a critical header that is not known");
  EXPECT_EQ(problem("json.cose", "02810f", 1), "a critical header that is not known") << "known and absent";
  EXPECT_EQ(problem("json.cose", "0280", 1), "a critical header that is not known");
  EXPECT_EQ(problem("json.cose", "0201", 1), "a critical header that is not known");
}

TEST(Endorsement, PayloadIsAMeasurement) {
  EXPECT_EQ(problem("cwt.cose", "", 0, std::string(47, 'a')), "the payload has not 48 bytes");
  EXPECT_EQ(problem("cwt.cose", "", 0, std::string(49, 'a')), "the payload has not 48 bytes");
  EXPECT_EQ(problem("cwt.cose", "", 0, std::string(48, 'a')), "read");
  EXPECT_THAT(problem("json.cose", "", 0, "{}"), HasSubstr("no launch measurement"));
}

const std::string kMeasurement = R"("x-ms-sevsnpvm-launchmeasurement": ")" + std::string(96, 'a') + R"(")";

std::string svn_of(const std::string& members) {
  const auto info = internal::read_reference_info(base::view("{" + kMeasurement + members + "}"));
  return info ? std::to_string(info->svn) : info.error().what;
}

TEST(ReferenceInfo, SvnIsATextOrANumberOrBoth) {
  const std::string text = R"(, "x-ms-sevsnpvm-guestsvn": )", number = R"(, "x-ms-sevsnpvm-guestsvn-int": )";
  EXPECT_EQ(svn_of(text + R"("100")"), "100");
  EXPECT_EQ(svn_of(number + "100"), "100");
  EXPECT_EQ(svn_of(text + R"("103")" + number + "103"), "103");
  EXPECT_EQ(svn_of(text + R"("18446744073709551615")"), "18446744073709551615");
  const std::string neither = "the payload's SVN is no number, or two different ones";
  EXPECT_EQ(svn_of(text + R"("103")" + number + "104"), neither);
  for (const char* bad : {R"("")", R"("0x64")", R"(" 100")", R"("100 ")", R"("-1")", R"("+1")", R"("0100")", "null",
                          R"("18446744073709551616")", "-1", "1.5", "true", "[100]"}) {
    EXPECT_EQ(svn_of(text + bad), neither) << bad;
    EXPECT_EQ(svn_of(number + bad), neither) << bad;
  }
  EXPECT_EQ(svn_of(""), "the payload has no SVN");
  EXPECT_EQ(svn_of(text + R"("100", "another": {"deep": [1]})"), "100") << "members that nobody asks for";
}

TEST(ReferenceInfo, IsOneObjectWhoseMembersDiffer) {
  const auto problem_of = [](const std::string& json) {
    const auto info = internal::read_reference_info(base::view(json));
    return info ? "read" : info.error().what;
  };
  const std::string svn = R"(, "x-ms-sevsnpvm-guestsvn": "100")";
  const std::string none = "the payload is no JSON object whose members differ";
  EXPECT_EQ(problem_of("{" + kMeasurement + svn + "}\n"), "read");
  EXPECT_EQ(problem_of("{" + kMeasurement + svn + svn + "}"), none);
  EXPECT_EQ(problem_of("{" + kMeasurement + svn + R"(, "x-ms-sevsnpvm-guests\u0076n": "100")" + "}"), none);
  for (const std::string bad : {"", "[]", "1", "{", "{}{}", "\xff"}) EXPECT_EQ(problem_of(bad), none) << bad;
  EXPECT_EQ(problem_of("{" + kMeasurement + svn + R"(, "a": )" + std::string(30000, '[') + "}"), none);
  EXPECT_EQ(problem_of(std::string(65537, ' ')), "the payload is larger than 64 KiB");
  EXPECT_EQ(problem_of("{" + kMeasurement.substr(0, 50) + R"(")" + svn + "}"),
            "the payload has no launch measurement of 48 bytes");
}

}  // namespace
}  // namespace blindbox::endorsements::uvm
