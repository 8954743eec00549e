// SPDX-License-Identifier: Apache-2.0
// What tpm2-tools wrote about a software TPM (tpm2/make.sh), read as files and judged: the TPM is that of an emulated
// Azure VM, whose HCL report names its key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "blindbox/base/file.h"
#include "blindbox/emulator/testing.h"
#include "blindbox/intake/intake.h"
#include "blindbox/policy/starting_point.h"
#include "blindbox/verifier/report_text.h"
#include "blindbox/verifier/verify.h"
#include "tests/vectors/made_azure_vm.h"

namespace blindbox {
namespace {

using intake::Blob;
using intake::Intake;
using verifier::Outcome;

Bytes file(const std::string& name) {
  const auto bytes = base::read_file(BLINDBOX_SOURCE_DIR "/tests/vectors/tpm2/" + name, 1U << 16);
  EXPECT_TRUE(bytes) << name;
  return bytes.value_or(Bytes{});
}

std::string key_of(const std::string& name) {
  const Bytes pem = file(name + ".key.pem");
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                      &BIO_free);
  const openssl::PKey key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  return vectors::jwk(key.get(), "HCLAkPub");
}

// The HCL report and the certificates of a guest with that TPM.
std::vector<Blob> guest_with(const std::string& name) {
  vectors::MadeAzureVm vm;
  vm.claims = "{\"keys\":[" + key_of(name) + "]}";
  const auto processor = emulator::test_processor();
  const evidence::Evidence evidence = vm.evidence(*processor);
  std::vector<Blob> blobs = {{"hcl", evidence.azure_vm->hcl_report}};
  for (const Bytes& der : evidence.certificates) blobs.push_back({"der", der});
  return blobs;
}

std::vector<Blob> joined(std::vector<Blob> blobs, const std::vector<Blob>& more) {
  blobs.insert(blobs.end(), more.begin(), more.end());
  return blobs;
}

verifier::Verdict judge(const Intake& intake, const std::vector<std::uint8_t>& pinned, bool tampered = false) {
  policy::Policy policy = policy::safe_defaults();
  const auto processor = emulator::test_processor();
  const Bytes fingerprint = base::from_hex(processor->fingerprint()).value();
  std::ranges::copy(fingerprint, policy.unsafe.trust_emulator.emplace().ark_spki_sha256.begin());
  for (const std::uint8_t pcr : pinned) {
    const auto& value = intake.evidence.azure_vm->pcrs.at({evidence::azure_vm::kTpmAlgSha256, pcr});
    if (!policy.azure.vm) policy.azure.vm.emplace();
    std::copy_n(value.begin(), 32, policy.azure.vm->pcrs[pcr].begin());
    if (tampered) policy.azure.vm->pcrs[pcr][0] ^= std::byte{1};
  }
  const verifier::Subject subject{.evidence = intake.evidence,
                                  .expected_report_data = std::nullopt,
                                  .freshness_not_requested = true,
                                  .expected_quote_data = std::nullopt,
                                  .manifest = std::nullopt};
  return verifier::verify(subject, policy, base::now());
}

Outcome outcome(const verifier::Verdict& verdict, std::string_view id) {
  for (const auto& finding : verdict.findings()) {
    if (finding.id == id) return finding.outcome;
  }
  return Outcome::failed;
}

struct Case {
  const char* name;
  std::vector<std::uint8_t> pinned;
};

const std::vector<Case> kCases = {
    {"serialized", {0, 14}}, {"values", {0, 23}}, {"banks", {7, 23}}, {"all", {0, 1, 23}}, {"sha384", {}}};

void expect_accepted(const std::vector<Blob>& blobs, const Case& row, const char* what) {
  const auto intake = intake::read_blobs(blobs);
  ASSERT_TRUE(intake) << row.name << " " << what << ": " << intake.error().what;
  ASSERT_TRUE(intake->evidence.azure_vm) << row.name;
  const auto verdict = judge(*intake, row.pinned);
  EXPECT_TRUE(verdict.accepted()) << row.name << " " << what << "\n" << render_table(verdict);
  for (const char* id : {"azure.vm.quote.format", "azure.vm.quote.signature", "azure.vm.pcr_digest"}) {
    EXPECT_EQ(outcome(verdict, id), Outcome::passed) << row.name << " " << what << " " << id;
  }
  if (!row.pinned.empty()) {
    EXPECT_FALSE(judge(*intake, row.pinned, true).accepted()) << row.name;
  }
}

TEST(Tpm2Tools, FilesAreReadAndJudged) {
  for (const Case& row : kCases) {
    const std::string name = row.name;
    const auto guest = guest_with(name);
    const Blob message{"message", file(name + ".msg")}, signature{"signature", file(name + ".sig")},
        pcrs{"pcrs", file(name + ".pcrs")}, printed{"printed", file(name + ".yaml")};
    expect_accepted(joined(guest, {message, signature, pcrs}), row, "files");
    expect_accepted(joined(guest, {pcrs, signature, message}), row, "files in another order");
    expect_accepted(joined(guest, {printed}), row, "what was printed");
    expect_accepted(joined(guest, {message, signature, pcrs, printed}), row, "all of it");
    const auto hex = [](const Blob& blob) {
      return Blob{blob.name, base::to_bytes(base::view(base::to_hex(blob.bytes)))};
    };
    expect_accepted(joined(guest, {hex(message), hex(signature), hex(pcrs)}), row, "hexadecimal");
  }
}

TEST(Tpm2Tools, ValuesOfPcrreadAreTheQuotes) {
  const Case row{"serialized", {0, 4, 14}};
  expect_accepted(joined(guest_with("serialized"), {{"message", file("serialized.msg")},
                                                    {"signature", file("serialized.sig")},
                                                    {"pcrread", file("pcrread.yaml")}}),
                  row, "tpm2_pcrread");
}

TEST(Tpm2Tools, AListOfValuesIsTheQuotesSelection) {
  const Bytes values = file("values.pcrs");
  std::string list;
  for (std::size_t at = 0; at < values.size(); at += 32) {
    list += (list.empty() ? "\"" : ",\"") + base::to_hex(ByteView(values).subspan(at, 32)) + "\"";
  }
  std::string object;
  for (std::size_t i = 0; i < 8; ++i) {
    constexpr std::array<int, 8> kSelected = {0, 1, 2, 3, 4, 7, 11, 23};
    object += (object.empty() ? "\"" : ",\"") + std::to_string(kSelected[i]) + "\":\"" +
              base::to_hex(ByteView(values).subspan(i * 32, 32)) + "\"";
  }
  for (const std::string& pcrs : {"[" + list + "]", "{" + object + "}", "{\"sha256\":{" + object + "}}"}) {
    const std::string json = "{\"message\":\"" + base::to_hex(file("values.msg")) + "\",\"signature\":\"" +
                             base::to_base64(file("values.sig")) + "\",\"pcrs\":" + pcrs + "}";
    expect_accepted(joined(guest_with("values"), {{"json", base::to_bytes(base::view(json))}}), {"values", {7, 23}},
                    "JSON");
  }
}

TEST(Tpm2Tools, ValuesThatTheQuoteContradictsAreRefused) {
  for (const Case& row : kCases) {
    const std::string name = row.name;
    Bytes pcrs = file(name + ".pcrs");
    const std::size_t first = name == "values" || name == "sha384" ? 0 : 0x8E;  // in the first value
    pcrs[first] ^= std::byte{1};
    const auto intake = intake::read_blobs(joined(
        guest_with(name), {{"message", file(name + ".msg")}, {"signature", file(name + ".sig")}, {"pcrs", pcrs}}));
    if (!intake) continue;  // 256 bytes: as well another signature, and that is refused
    const auto verdict = judge(*intake, {});
    EXPECT_FALSE(verdict.accepted()) << name;
    EXPECT_EQ(outcome(verdict, "azure.vm.pcr_digest"), Outcome::failed) << name;
  }
}

TEST(Tpm2Tools, AnEcdsaSignatureIsNamed) {
  const auto guest = guest_with("values");
  const auto intake = intake::read_blobs(
      joined(guest, {{"message", file("ecdsa.msg")}, {"signature", file("ecdsa.sig")}, {"pcrs", file("ecdsa.pcrs")}}));
  ASSERT_TRUE(intake) << intake.error().what;
  const auto verdict = judge(*intake, {});
  EXPECT_FALSE(verdict.accepted());
  EXPECT_THAT(render_table(verdict), ::testing::HasSubstr("its signature is ECDSA"));
}

}  // namespace
}  // namespace blindbox
