// SPDX-License-Identifier: Apache-2.0
// What is broken, ambiguous, contradictory or too much.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/intake/testing.h"

namespace blindbox::intake {
namespace {

using testing::bytes_of;
using testing::genuine;
using ::testing::HasSubstr;
using testing::joined;
using testing::pem;
using testing::text_of;

Error refusal(const std::vector<Blob>& blobs) {
  const auto intake = read_blobs(blobs);
  EXPECT_FALSE(intake);
  return intake ? Error{} : intake.error();
}

TEST(Hostile, WhatIsNoEvidenceIsNamedAndTheFormsAreListed) {
  std::string deep(100000, '[');
  for (const Bytes& bytes :
       {Bytes{}, Bytes(1183), Bytes(5000, std::byte{0xEE}), bytes_of("hello"), bytes_of("{\"a\": 1}"),
        bytes_of("{\"a\": "), bytes_of("{\"report\":\"\xff\xfe\"}"), bytes_of("-----BEGIN"),
        bytes_of(pem(Bytes(64), "PUBLIC KEY")), bytes_of(std::string(4096, 'A')),
        Bytes(genuine().report.begin(), genuine().report.end() - 1),
        Bytes(genuine().certificates[0].begin(), genuine().certificates[0].end() - 1)}) {
    const Error error = refusal({{"some/file", bytes}});
    EXPECT_EQ(error.kind, ErrorKind::malformed);
    EXPECT_THAT(error.what, HasSubstr("some/file")) << bytes.size();
    EXPECT_THAT(error.hint, HasSubstr("TPM quotes"));
  }
}

TEST(Hostile, DamagedEvidenceIsAnErrorInAFolderToo) {
  Bytes table(48);
  const Bytes guid = base::from_hex("63da758de6644564adc5f4b93be8accd").value();
  std::copy(guid.begin(), guid.end(), table.begin());
  table[16] = std::byte{0xFF};
  for (const auto& [bytes, what] : std::initializer_list<std::pair<Bytes, const char*>>{
           {table, "certificate table"},
           {joined({bytes_of("HCLA"), Bytes(1000)}), "cut off"},
           {joined({base::from_hex("a40167").value(), bytes_of("sev-snp"), Bytes(3)}), "bundle"},
           {bytes_of("pcrs:\n  sha256:\n    1 : 0x" + std::string(64, 'a') + "\n    2 : 0x00\n"), "PCR 2"}}) {
    const Error error = refusal({{"it", bytes, true}, {"report", genuine().report}});
    EXPECT_EQ(error.kind, ErrorKind::malformed) << what;
    EXPECT_THAT(error.what, HasSubstr(what));
    EXPECT_THAT(error.what, HasSubstr("it: ")) << what;
  }
}

TEST(Hostile, RubbishInAFolderIsLeftAsideAndOnTheCommandLineAnError) {
  const std::string good = pem(genuine().certificates[0]);
  std::string nested;
  for (int i = 0; i < 100000; ++i) nested += "{\"a\":";
  for (const auto& [bytes, what] : std::initializer_list<std::pair<Bytes, const char*>>{
           {bytes_of(good.substr(0, good.size() - 10)), "no end"},
           {bytes_of(good + good.substr(0, good.size() - 10)), "no end"},
           {bytes_of("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"), "not base64"},
           {bytes_of(pem(Bytes(64))), "no certificate"},
           {joined({genuine().certificates[0], base::from_hex("3003020101").value()}), "among the DER"},
           {bytes_of(nested), "nested deeper"},
           {bytes_of(R"({"a":{"report":"x","report":"y"}})"), "twice"},
           {bytes_of("{\"a\":\"" + std::string(kJsonCap, 'A') + "\"}"), "larger than"},
           {bytes_of("sha256:\n  1 : 2\n"), "PCR 1"},
           {Bytes{}, "empty"}}) {
    const auto intake = read_blobs({{"it", bytes, true}, {"report", genuine().report}});
    ASSERT_TRUE(intake) << what << intake.error().what;
    EXPECT_TRUE(intake->sources[0].ignored) << what;
    EXPECT_THAT(intake->sources[0].form, HasSubstr(what));
    EXPECT_TRUE(intake->evidence.certificates.empty()) << "nothing of it is used: " << what;
    const Error error = refusal({{"it", bytes}, {"report", genuine().report}});
    EXPECT_EQ(error.kind, ErrorKind::malformed) << what;
    EXPECT_THAT(error.what, HasSubstr(what));
    EXPECT_THAT(error.what, HasSubstr("it")) << what;
  }
}

TEST(Hostile, APartThatCannotBeReadIsSaid) {
  const std::string text = "{\"evidence\":\"" + base::to_base64(genuine().report) +
                           "\",\"certificate\":\"-----BEGIN CERTIFICATE-----\\nAAAAAAAAAAAAAAAAAAAA\"}";
  const auto intake = read_blobs({{"it", bytes_of(text), true}});
  ASSERT_TRUE(intake) << intake.error().what;
  EXPECT_EQ(intake->evidence.report, genuine().report);
  EXPECT_THAT(intake->sources[0].form, HasSubstr("in part left aside: a PEM block has no end"));
  EXPECT_THAT(refusal({{"it", bytes_of(text)}}).what, HasSubstr("it: a PEM block has no end"));
}

TEST(Hostile, TwoOfWhatThereIsOneAreRefusedByName) {
  Bytes other = genuine().report;
  other[0x50] ^= std::byte{1};
  const Error reports = refusal({{"a.bin", genuine().report}, {"b.bin", genuine().report}, {"c.bin", other}});
  EXPECT_EQ(reports.kind, ErrorKind::malformed);
  EXPECT_THAT(reports.what, HasSubstr("a.bin and c.bin differ: SEV-SNP report"));
  const Error cose =
      refusal({{"a", base::from_hex("d28441a0a0f640").value()}, {"b", base::from_hex("d28441a0a0f64101").value()}});
  EXPECT_THAT(cose.what, HasSubstr("a and b differ: UVM endorsement"));
  const Error policies = refusal({{"a", bytes_of("package policy\n")}, {"b", bytes_of("package policy\n\n")}});
  EXPECT_THAT(policies.what, HasSubstr("a and b differ: container policy"));
  const Error one = refusal(
      {{"a.json", bytes_of("[\"" + base::to_base64(genuine().report) + "\",\"" + base::to_base64(other) + "\"]")}});
  EXPECT_THAT(one.what, HasSubstr("a.json holds two different values: SEV-SNP report"));
}

// Twice at each of fourteen levels would be minutes.
TEST(Hostile, NamedMembersWithinEachOtherAreReadOnce) {
  std::string text = "\"";
  for (int i = 0; i < 10; ++i)
    text += "-----BEGIN CERTIFICATE-----\\n" + base::to_base64(genuine().certificates[0]) +
            "\\n-----END CERTIFICATE-----\\n";
  text += "\"";
  for (int i = 0; i < 14; ++i) text = "{\"hcl_report\":" + text + "}";
  const auto intake = read_blobs({{"it", bytes_of(text)}, {"report", genuine().report}});
  ASSERT_TRUE(intake) << intake.error().what;
  EXPECT_FALSE(intake->evidence.certificates.empty());
}

TEST(Hostile, EqualCopiesAreFine) {
  const auto intake = read_blobs({{"a", genuine().report},
                                  {"b", bytes_of(base::to_hex(genuine().report))},
                                  {"c", genuine().certificates[0]},
                                  {"d", bytes_of(pem(genuine().certificates[0]))}});
  ASSERT_TRUE(intake);
  EXPECT_EQ(intake->evidence.certificates.size(), 1U);
}

TEST(Hostile, WithoutAReportTheErrorSaysWhatWasThere) {
  const Error error =
      refusal({{"chain.pem", bytes_of(pem(genuine().certificates[0]))}, {"notes", bytes_of("x"), true}});
  EXPECT_THAT(error.what, HasSubstr("no SEV-SNP report"));
  EXPECT_THAT(error.detail, HasSubstr("chain.pem: 1 certificate\n"));
  EXPECT_THAT(error.detail, HasSubstr("notes: "));
}

TEST(Hostile, EncodingsWithinEncodingsEnd) {
  std::string text = base::to_base64(genuine().report);
  for (int i = 0; i < 5; ++i) text = base::to_base64(base::view(text));
  EXPECT_TRUE(read_blobs({{"it", bytes_of(text)}}));
  for (int i = 0; i < 8; ++i) text = base::to_base64(base::view(text));
  EXPECT_EQ(refusal({{"it", bytes_of(text)}}).kind, ErrorKind::malformed);
}

TEST(Hostile, CborThatAnnouncesMoreThanThereIsEnds) {
  for (const char* hex :
       {"d2845affffffff", "d28441a0bbffffffffffffffff", "d2845bffffffffffffffff00", "849bffffffffffffffff", "d284",
        "d2", "84", "8441a0a0f6", "d28442a163a0f640", "d2844aa1617abbffffffffffffffa0f640"}) {
    const auto intake = read_blobs({{"it", base::from_hex(hex).value(), true}, {"report", genuine().report}});
    // Either an endorsement that its own parser will refuse, or nothing; in any case an end.
    ASSERT_TRUE(intake) << hex;
  }
}

// The report, and beside it a file of a folder.
Result<Intake> beside_the_report(const std::string& name, const std::string& contents) {
  return read_blobs({{"report.bin", genuine().report}, {name, bytes_of(contents), true}});
}

TEST(Damaged, EvidenceInAFolderIsNotPassedOver) {
  for (const char* name : {"ctx/reference-info-base64", "ctx/host-amd-cert-base64", "ctx/security-policy-base64",
                           "uvm.cose", "policy.rego", "milan.crl"}) {
    const auto intake = beside_the_report(name, "!damaged");
    ASSERT_FALSE(intake) << name;
    EXPECT_EQ(intake.error().kind, ErrorKind::malformed);
    EXPECT_THAT(intake.error().what, HasSubstr(name));
  }
  EXPECT_TRUE(beside_the_report("notes.txt", "!damaged"));
  EXPECT_TRUE(beside_the_report("ctx/reference-info-base64", "")) << "an empty one says that there is none";
}

TEST(Damaged, PartsOfJsonAreNotPassedOver) {
  const std::string digest(64, 'a');
  for (const std::string& json :
       {R"({"quote": {"message": "00", "signature": "00", "pcrs": [")" + digest + R"("]}})",
        std::string(R"({"quote": {"message": "", "signature": "", "pcrs": []}})"),
        std::string(R"({"uvm_endorsements": "!0oRZE8qnATglAxghWQZ"})"), std::string(R"({"hcl_report": [1, 2, 3]})")}) {
    const auto intake = beside_the_report("evidence.json", json);
    ASSERT_FALSE(intake) << json;
    EXPECT_EQ(intake.error().kind, ErrorKind::malformed);
  }
  EXPECT_TRUE(beside_the_report("evidence.json", R"({"uvm_endorsements": "", "message": "m", "signature": "s"})"));
}

TEST(Policies, AreTakenByteForByte) {
  const std::string certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  for (const std::string& policy : {std::string("package policy\n") + certificate,
                                    std::string("\xEF\xBB\xBF") + "package policy\n", std::string("# c\npackage\tp")}) {
    const auto plain = beside_the_report("policy.rego", policy);
    ASSERT_TRUE(plain) << plain.error().what;
    EXPECT_EQ(text_of(plain->evidence.security_policy), policy);
    const auto encoded = beside_the_report("security-policy-base64", base::to_base64(bytes_of(policy)));
    ASSERT_TRUE(encoded) << encoded.error().what;
    EXPECT_EQ(text_of(encoded->evidence.security_policy), policy);
    EXPECT_TRUE(encoded->evidence.certificates.empty());
  }
}

TEST(Others, FilesMakeNoAzureVm) {
  for (const std::size_t size : {std::size_t{256}, std::size_t{768}}) {
    const auto intake = read_blobs({{"report.bin", genuine().report}, {"x.sig", Bytes(size, std::byte{7}), true}});
    ASSERT_TRUE(intake) << intake.error().what;
    EXPECT_FALSE(intake->evidence.azure_vm);
    EXPECT_TRUE(intake->sources[1].ignored);
    EXPECT_THAT(refusal({{"report.bin", genuine().report}, {"x.sig", Bytes(size, std::byte{7})}}).what,
                HasSubstr("x.sig holds no evidence"));
  }
}

}  // namespace
}  // namespace blindbox::intake
