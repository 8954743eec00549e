// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/azure_vm/hcl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace blindbox::evidence::azure_vm {
namespace {

constexpr std::string_view kClaims =
    R"({"keys":[{"kid":"HCLAkPub","kty":"RSA","e":"AQAB","n":"-_8"}],"user-data":"00"})";

void put(Bytes& out, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
}

// The layout, field by field; a test sets one of them.
struct Parts {
  std::string claims{kClaims};
  std::uint32_t version = 1;
  std::uint32_t data_version = 1;
  std::uint32_t report_type = 2;
  std::optional<std::uint32_t> claims_size{};
  std::optional<std::uint32_t> data_size{};
  std::optional<std::uint32_t> report_size{};
};

Bytes build(const Parts& parts) {
  const auto header = parts.data_version == 2 ? 24U : 20U;
  const auto claims_size = parts.claims_size.value_or(static_cast<std::uint32_t>(parts.claims.size()));
  const auto data_size = parts.data_size.value_or(header + claims_size);
  Bytes out = base::to_bytes(base::view("HCLA"));
  for (const std::uint32_t value : {parts.version, parts.report_size.value_or(0x4C0 + data_size), 2U, 0U, 0U, 0U, 0U}) {
    put(out, value);
  }
  out.resize(out.size() + kHardwareReportSize, std::byte{0xAB});
  for (const std::uint32_t value : {data_size, parts.data_version, parts.report_type, 1U, claims_size}) put(out, value);
  if (parts.data_version == 2) put(out, 1);
  const ByteView claims = base::view(parts.claims);
  out.insert(out.end(), claims.begin(), claims.end());
  return out;
}

std::string problem(const Bytes& bytes) {
  const auto report = parse_hcl_report(bytes);
  if (report) return "none";
  EXPECT_EQ(report.error().kind, ErrorKind::malformed);
  return report.error().what;
}

std::string key_problem(const std::string& keys) {
  const auto report = parse_hcl_report(build({.claims = "{\"keys\":" + keys + "}"}));
  if (!report) return report.error().what;
  return report->attestation_key ? "none" : report->attestation_key.error().what;
}

TEST(HclReport, IsReadInEachVersion) {
  for (const std::uint32_t version : {1U, 2U}) {
    for (const std::uint32_t data_version : {1U, 2U}) {
      const Bytes bytes = build({.version = version, .data_version = data_version});
      EXPECT_TRUE(is_hcl_report(bytes));
      const auto report = parse_hcl_report(bytes);
      ASSERT_TRUE(report) << report.error().what;
      EXPECT_EQ(report->version, version);
      EXPECT_EQ(report->report, Bytes(kHardwareReportSize, std::byte{0xAB}));
      EXPECT_EQ(report->hash_type, HashType::sha256);
      EXPECT_EQ(base::as_text(report->variable_data), kClaims);
      ASSERT_TRUE(report->attestation_key) << report->attestation_key.error().what;
      EXPECT_EQ(base::to_hex(report->attestation_key->modulus), "fbff");
      EXPECT_EQ(base::to_hex(report->attestation_key->exponent), "010001");
    }
  }
}

TEST(HclReport, CutAnywhereIsRefused) {
  const Bytes whole = build({});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_hcl_report(ByteView(whole).first(size))) << size;
  }
  EXPECT_FALSE(is_hcl_report(ByteView(whole).first(3)));
}

TEST(HclReport, WithSizesThatLieIsRefused) {
  const auto size = static_cast<std::uint32_t>(kClaims.size());
  EXPECT_THAT(problem(build({.data_size = size})), testing::HasSubstr("contradict"));
  EXPECT_THAT(problem(build({.report_size = 0x4C0})), testing::HasSubstr("contradict"));
  EXPECT_THAT(problem(build({.report_size = 0})), testing::HasSubstr("contradict"));
  EXPECT_THAT(problem(build({.claims_size = size - 1})), testing::HasSubstr("behind"));
  EXPECT_THAT(problem(build({.claims_size = 0xFFFFFFFF})), testing::HasSubstr("ends within"));
  // A sum that wraps around.
  EXPECT_THAT(problem(build({.claims_size = 0xFFFFFFFF, .data_size = 19})), testing::HasSubstr("ends within"));
  Bytes large = build({});
  large.resize(kHclCap + 1);
  EXPECT_THAT(problem(large), testing::HasSubstr("larger than"));
  large.resize(kHclCap);
  EXPECT_EQ(problem(large), "none");
}

TEST(HclReport, OfAnotherMachineSaysWhichItIs) {
  EXPECT_THAT(problem(build({.report_type = 4})), testing::HasSubstr("Intel TDX"));
  EXPECT_THAT(problem(build({.report_type = 5})), testing::HasSubstr("unknown type 5"));
  EXPECT_THAT(problem(build({.version = 3})), testing::HasSubstr("version 3"));
}

TEST(HclReport, WithClaimsOfTwoReadingsIsRefused) {
  EXPECT_THAT(problem(build({.claims = ""})), testing::HasSubstr("not a JSON object"));
  EXPECT_THAT(problem(build({.claims = "null"})), testing::HasSubstr("not a JSON object"));
  EXPECT_THAT(problem(build({.claims = "{\"a\":1,\"a\":2}"})), testing::HasSubstr("twice"));
  EXPECT_THAT(problem(build({.claims = R"({"x":[{"a":1,"\u0061":2}]})"})), testing::HasSubstr("twice"));
  EXPECT_EQ(problem(build({.claims = R"({"x":{"a":1},"y":{"a":2}})"})), "none");
  EXPECT_THAT(problem(build({.claims = std::string(30000, '[')})), testing::HasSubstr("nested"));
  EXPECT_THAT(problem(build({.claims = "{\"a\":\"\xff\"}"})), testing::HasSubstr("JSON"));
}

TEST(HclReport, TellsWhyThereIsNoAttestationKey) {
  EXPECT_THAT(key_problem("{}"), testing::HasSubstr("no keys"));
  EXPECT_THAT(key_problem("[1,{\"kid\":7}]"), testing::HasSubstr("no attestation key"));
  EXPECT_THAT(key_problem(R"([{"kid":"HCLAkPub"}])"), testing::HasSubstr("no RSA key"));
  EXPECT_THAT(key_problem(R"([{"kid":"HCLAkPub","kty":"RSA"}])"), testing::HasSubstr("\"n\""));
  EXPECT_THAT(key_problem(R"([{"kid":"HCLAkPub","kty":"RSA","n":"AQAB"}])"), testing::HasSubstr("\"e\""));
  for (const char* bad : {"", "A", "AQ==", "A+/A", "AQ\\nAB", "AQ B"}) {
    EXPECT_THAT(key_problem(R"([{"kid":"HCLAkPub","kty":"RSA","e":"AQAB","n":")" + std::string(bad) + "\"}]"),
                testing::HasSubstr("\"n\""))
        << bad;
  }
  EXPECT_THAT(key_problem(R"([{"kid":"HCLAkPub","kty":"RSA","e":"AQAB","n":")" + std::string(2000, 'A') + "\"}]"),
              testing::HasSubstr("\"n\""));
  const std::string good = R"({"kid":"HCLAkPub","kty":"RSA","e":"AQAB","n":"AQAB"})";
  EXPECT_EQ(key_problem("[" + good + "]"), "none");
  EXPECT_THAT(key_problem("[" + good + "," + good + "]"), testing::HasSubstr("twice"));
  std::string many = "[" + good;
  for (int i = 0; i < 16; ++i) many += ",{}";
  EXPECT_THAT(key_problem(many + "]"), testing::HasSubstr("no keys"));
}

}  // namespace
}  // namespace blindbox::evidence::azure_vm
