// SPDX-License-Identifier: Apache-2.0
// One emulated Azure VM that passes every check, and for each of their checks the changes that make exactly that one
// fail: what real evidence cannot show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "blindbox/emulator/testing.h"
#include "blindbox/verifier/internal/checks.h"
#include "blindbox/verifier/report_text.h"
#include "tests/vectors/made_azure_vm.h"

namespace blindbox {
namespace {

using evidence::sev_snp::Product;
using vectors::jwk;
using vectors::MadeAzureVm;
using vectors::other_tpm_key;
using vectors::tpm_key;
using verifier::Outcome;
using verifier::Verdict;

emulator::SecurityProcessor& processor() {
  static const std::shared_ptr<emulator::SecurityProcessor> shared = emulator::test_processor();
  return *shared;
}

// Everything that goes into one verdict.
struct World {
  MadeAzureVm vm;
  policy::Policy policy;
  std::optional<Bytes> expected = Bytes(32, std::byte{7});
  std::optional<ByteArray<64>> expected_report_data;
  bool freshness_not_requested = false;
  std::function<void(evidence::Evidence&)> tamper = [](evidence::Evidence&) {};
};

World good_world(Product product = Product::milan) {
  World world;
  world.vm.guest.product = product;
  world.policy.sev_snp.products[product] = {};
  world.policy.sev_snp.measurements = std::vector{emulator::measurement_of(world.vm.guest)};
  world.policy.azure.vm.emplace().pcrs = {{std::uint8_t{4}, world.vm.pcrs[4]}, {std::uint8_t{23}, world.vm.pcrs[23]}};
  const Bytes fingerprint = base::from_hex(processor().fingerprint()).value();
  auto& trusted = world.policy.unsafe.trust_emulator.emplace().ark_spki_sha256;
  std::copy(fingerprint.begin(), fingerprint.end(), trusted.begin());
  return world;
}

Verdict judge(const World& world) {
  evidence::Evidence evidence = world.vm.evidence(processor());
  world.tamper(evidence);
  const verifier::Subject subject{.evidence = evidence,
                                  .expected_report_data = world.expected_report_data,
                                  .freshness_not_requested = world.freshness_not_requested,
                                  .expected_quote_data = world.expected,
                                  .manifest = std::nullopt};
  return verifier::verify(subject, world.policy, base::now());
}

std::vector<std::string> failed(const Verdict& verdict) {
  std::vector<std::string> ids;
  for (const verifier::Finding* finding : verdict.failures()) ids.push_back(finding->id);
  return ids;
}

std::optional<Outcome> outcome(const Verdict& verdict, std::string_view id) {
  for (const auto& finding : verdict.findings()) {
    if (finding.id == id) return finding.outcome;
  }
  return std::nullopt;
}

TEST(MadeAzureVms, OfEveryProductAndFormAreAccepted) {
  for (const Product product : evidence::sev_snp::kProducts) {
    EXPECT_TRUE(judge(good_world(product)).accepted()) << render_table(judge(good_world(product)));
  }
  const std::vector<void (*)(MadeAzureVm&)> forms = {
      [](MadeAzureVm& vm) { vm.version = 2; },
      [](MadeAzureVm& vm) { vm.data_version = 2; },
      [](MadeAzureVm& vm) { vm.hash_type = 2; },
      [](MadeAzureVm& vm) { vm.hash_type = 3; },
      [](MadeAzureVm& vm) { vm.request_type = 3; },
      [](MadeAzureVm& vm) { vm.padding.clear(); },
      [](MadeAzureVm& vm) { vm.padding = Bytes(1000, std::byte{0xFF}); },
      [](MadeAzureVm& vm) { vm.framed = true; },
      [](MadeAzureVm& vm) { vm.framed = vm.pss = true; },
      [](MadeAzureVm& vm) {
        vm.select = {std::byte{0x10}, std::byte{0}, std::byte{0x80}};
      },
  };
  for (std::size_t i = 0; i < forms.size(); ++i) {
    World world = good_world();
    forms[i](world.vm);
    const Verdict verdict = judge(world);
    EXPECT_TRUE(verdict.accepted()) << i << "\n" << render_table(verdict);
    EXPECT_TRUE(verdict.emulated());
  }
}

TEST(MadeAzureVms, SayThatTheParavisorIsTrusted) {
  const Verdict verdict = judge(good_world());
  EXPECT_EQ(outcome(verdict, "azure.vm.paravisor"), Outcome::not_requested);
  EXPECT_THAT(render_table(verdict), testing::HasSubstr("the paravisor is part of what is trusted"));
  EXPECT_THAT(render_json(verdict), testing::HasSubstr("the paravisor is part of what is trusted"));
}

std::string claims_with(const std::string& keys) { return "{\"keys\":[" + keys + "]}"; }

std::string rsa_jwk(const std::string& e, const std::string& n) {
  return R"({"kid":"HCLAkPub","kty":"RSA","e":")" + e + R"(","n":")" + n + "\"}";
}

// 342 characters of base64url are 256 bytes; the last of them is odd with 'Q' and even with 'A' before it.
std::string modulus(char first, char second_last, char last) {
  return first + std::string(339, 'q') + second_last + last;
}

void flip(Bytes& bytes, std::size_t offset) { bytes[offset] ^= std::byte{1}; }

void drop_quote(evidence::Evidence& evidence) {
  evidence.azure_vm->quote.clear();
  evidence.azure_vm->quote_signature.clear();
}

struct Row {
  const char* id;
  void (*spoil)(World&);
};

// What a test runner prints; the addresses within would change with every run.
void PrintTo(const Row& row, std::ostream* out) { *out << row.id; }

const Row kRows[] = {
    {"azure.vm.hcl.format", [](World& w) { w.tamper = [](auto& e) { e.azure_vm->hcl_report.clear(); }; }},
    {"azure.vm.hcl.format", [](World& w) { w.tamper = [](auto& e) { e.azure_vm->hcl_report[3] = std::byte{'B'}; }; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.padding = Bytes((std::size_t{64} << 10) + 1); }},
    {"azure.vm.hcl.format",
     [](World& w) {
       w.vm.padding = {std::byte{0}, std::byte{0xFF}};
     }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.version = 3; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.version = 0; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.status = 1; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.data_version = 3; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.report_type = 4; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.report_type = 1; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.hash_type = 0; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.hash_type = 4; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.report_size_lie = 1; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.data_size_lie = -1; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.claims_size_lie = 1; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.claims_size_lie = -1; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.claims_size_lie = std::numeric_limits<std::int32_t>::min(); }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.claims = "[]"; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.claims += "x"; }},
    {"azure.vm.hcl.format", [](World& w) { w.vm.claims.insert(1, "\"keys\":[],"); }},
    {"azure.vm.hcl.format",
     [](World& w) { w.vm.claims = "{\"keys\":" + std::string(40, '[') + std::string(40, ']') + "}"; }},
    {"azure.vm.report",
     [](World& w) { w.tamper = [](auto& e) { e.report = processor().report(emulator::Guest{}, {}); }; }},
    {"azure.vm.report", [](World& w) { w.tamper = [](auto& e) { e.report.clear(); }; }},
    {"azure.vm.quote.format", [](World& w) { w.tamper = [](auto& e) { e.azure_vm->quote.pop_back(); }; }},
    {"azure.vm.quote.format", [](World& w) { w.tamper = [](auto& e) { e.azure_vm->quote.push_back({}); }; }},
    {"azure.vm.quote.format", [](World& w) { w.tamper = [](auto& e) { flip(e.azure_vm->quote, 0); }; }},
    {"azure.vm.quote.format", [](World& w) { w.tamper = [](auto& e) { flip(e.azure_vm->quote, 5); }; }},
    {"azure.vm.quote.format", [](World& w) { w.tamper = [](auto& e) { e.azure_vm->quote.clear(); }; }},
    {"azure.vm.quote.format", [](World& w) { w.tamper = [](auto& e) { e.azure_vm->quote_signature.clear(); }; }},
    {"azure.vm.quote.format", [](World& w) { w.tamper = [](auto& e) { e.azure_vm->quote_signature.pop_back(); }; }},
    {"azure.vm.quote.format", [](World& w) { w.tamper = [](auto& e) {
                                               e.azure_vm->pcrs[{0x000B, 24}] = Bytes(32);
                                             }; }},
    {"azure.vm.report_data", [](World& w) { w.vm.report_data = [](auto& data) { data[0] ^= std::byte{1}; }; }},
    {"azure.vm.report_data", [](World& w) { w.vm.report_data = [](auto& data) { data[32] = std::byte{1}; }; }},
    {"azure.vm.report_data", [](World& w) { w.vm.report_data = [](auto& data) { data[63] = std::byte{1}; }; }},
    {"azure.vm.report_data",  // a key of the host's own among the claims
     [](World& w) {
       w.vm.signer = other_tpm_key();
       w.tamper = [](auto& e) {
         MadeAzureVm other;
         other.claims = claims_with(jwk(other_tpm_key(), "HCLAkPub"));
         e.azure_vm->hcl_report = other.hcl_report(e.report);
       };
     }},
    {"azure.vm.report_data",  // another hash's name than the one that was signed
     [](World& w) { w.tamper = [](auto& e) { e.azure_vm->hcl_report[0x4CC] = std::byte{2}; }; }},
    {"azure.vm.attestation_key", [](World& w) { w.vm.claims = "{}"; }},
    {"azure.vm.attestation_key", [](World& w) { w.vm.claims = claims_with(""); }},
    {"azure.vm.attestation_key", [](World& w) { w.vm.claims = claims_with(jwk(tpm_key(), "HCLEkPub")); }},
    {"azure.vm.attestation_key",
     [](World& w) { w.vm.claims = claims_with(jwk(tpm_key(), "HCLAkPub") + "," + jwk(other_tpm_key(), "HCLAkPub")); }},
    {"azure.vm.attestation_key", [](World& w) { w.vm.claims = claims_with(R"({"kid":"HCLAkPub","kty":"EC"})"); }},
    {"azure.vm.attestation_key", [](World& w) { w.vm.claims = claims_with(R"({"kid":"HCLAkPub","kty":"RSA"})"); }},
    {"azure.vm.attestation_key",  // padding is not base64url as a JWK has it
     [](World& w) { w.vm.claims = claims_with(rsa_jwk("AQAB", modulus('q', 'q', 'Q') + "==")); }},
    {"azure.vm.attestation_key",  // 2047 bits
     [](World& w) { w.vm.claims = claims_with(rsa_jwk("AQAB", modulus('P', 'q', 'Q'))); }},
    {"azure.vm.attestation_key",  // even
     [](World& w) { w.vm.claims = claims_with(rsa_jwk("AQAB", modulus('q', 'q', 'A'))); }},
    {"azure.vm.attestation_key",  // e = 3
     [](World& w) { w.vm.claims = claims_with(rsa_jwk("Aw", modulus('q', 'q', 'Q'))); }},
    {"azure.vm.attestation_key",  // e = 65538
     [](World& w) { w.vm.claims = claims_with(rsa_jwk("AQAC", modulus('q', 'q', 'Q'))); }},
    {"azure.vm.attestation_key",  // e of more than 32 bits
     [](World& w) { w.vm.claims = claims_with(rsa_jwk("AQAAAAE", modulus('q', 'q', 'Q'))); }},
    {"azure.vm.attestation_key",  // e of more than 64 bits
     [](World& w) { w.vm.claims = claims_with(rsa_jwk("AQAAAAAAAAAAAAE", modulus('q', 'q', 'Q'))); }},
    {"azure.vm.quote.signature", [](World& w) { w.vm.signer = other_tpm_key(); }},
    {"azure.vm.quote.signature",  // a key that could be used, and is another's
     [](World& w) { w.vm.claims = claims_with(rsa_jwk("AQAB", modulus('q', 'q', 'Q'))); }},
    {"azure.vm.quote.signature", [](World& w) { w.vm.hash = EVP_sha1(); }},
    {"azure.vm.quote.signature",
     [](World& w) {
       w.vm.framed = true;
       w.vm.hash = EVP_sha1();
       w.vm.hash_name = 0x0004;
     }},
    {"azure.vm.quote.signature",  // RSASSA in a frame that says RSAPSS
     [](World& w) {
       w.vm.framed = true;
       w.tamper = [](auto& e) { e.azure_vm->quote_signature[1] = std::byte{0x16}; };
     }},
    {"azure.vm.quote.signature", [](World& w) { w.tamper = [](auto& e) { flip(e.azure_vm->quote_signature, 255); }; }},
    {"azure.vm.quote.signature",  // the nonce that is expected, put into somebody's quote
     [](World& w) {
       w.vm.qualifying_data = Bytes(32, std::byte{8});
       w.tamper = [](auto& e) { std::fill_n(e.azure_vm->quote.begin() + 44, 32, std::byte{7}); };
     }},
    {"azure.vm.quote.signature", [](World& w) { w.tamper = &drop_quote; }},
    {"azure.vm.quote.signature",  // the waiver never outweighs an expectation
     [](World& w) {
       w.freshness_not_requested = true;
       w.tamper = &drop_quote;
     }},
    {"azure.vm.pcr_digest",
     [](World& w) { w.tamper = [](auto& e) {
                      e.azure_vm->pcrs[{0x000B, 9}][31] ^= std::byte{1};
                    }; }},
    {"azure.vm.pcr_digest", [](World& w) { w.tamper = [](auto& e) {
                                             e.azure_vm->pcrs.erase({0x000B, 23});
                                           }; }},
    {"azure.vm.pcr_digest", [](World& w) { w.tamper = [](auto& e) { e.azure_vm->pcrs.clear(); }; }},
    {"azure.vm.pcr_digest", [](World& w) { w.vm.bank = 0x0004; }},
    {"azure.vm.pcr_digest",  // the TPM digests the PCRs with the hash that it signs with
     [](World& w) {
       w.vm.framed = true;
       w.vm.hash = EVP_sha384();
       w.vm.hash_name = 0x000C;
     }},
    {"azure.vm.quote.freshness", [](World& w) { (*w.expected)[31] ^= std::byte{1}; }},
    {"azure.vm.quote.freshness", [](World& w) { w.expected->pop_back(); }},
    {"azure.vm.quote.freshness", [](World& w) { w.expected.reset(); }},
    {"azure.vm.quote.freshness",  // a nonce of nothing is no nonce
     [](World& w) {
       w.expected->clear();
       w.vm.qualifying_data.clear();
     }},
    {"azure.vm.quote.freshness",  // REPORT_DATA is the paravisor's, even where it is what a channel expects
     [](World& w) {
       w.expected.reset();
       const base::Sha256 digest = base::sha256(base::view(w.vm.claims));
       std::copy(digest.begin(), digest.end(), w.expected_report_data.emplace().begin());
     }},
    {"azure.vm.pcrs", [](World& w) { w.policy.azure.vm->pcrs[4][0] ^= std::byte{1}; }},
    {"azure.vm.pcrs", [](World& w) { w.vm.select[2] = std::byte{0x7F}; }},  // PCR 23 is pinned
    {"azure.vm.pcrs", [](World& w) { w.vm.select.pop_back(); }},
    {"azure.vm.pcrs", [](World& w) { w.policy.azure.vm->pcrs[24] = w.vm.pcrs[0]; }},
    {"azure.vm.pcrs",
     [](World& w) {
       w.expected.reset();
       w.freshness_not_requested = true;
       w.tamper = &drop_quote;
     }},
    {"azure.vm.paravisor",  // a report that software in the guest asked for, at its own level
     [](World& w) { w.policy.sev_snp.vmpl = w.vm.guest.vmpl = 2; }},
};

class SpoiltAzureVm : public testing::TestWithParam<Row> {};

TEST_P(SpoiltAzureVm, FailsExactlyThere) {
  World world = good_world();
  GetParam().spoil(world);
  const Verdict verdict = judge(world);
  EXPECT_FALSE(verdict.accepted());
  EXPECT_THAT(failed(verdict), testing::ElementsAre(GetParam().id)) << render_table(verdict);
}

INSTANTIATE_TEST_SUITE_P(Check, SpoiltAzureVm, testing::ValuesIn(kRows), [](const auto& row) {
  std::string name = row.param.id;
  std::replace(name.begin(), name.end(), '.', '_');
  return name + "_" + std::to_string(row.index);
});

TEST(MadeAzureVms, EveryCheckOfTheirsHasARowThatItFails) {
  std::set<std::string_view> covered;
  for (const Row& row : kRows) covered.insert(row.id);
  const auto expect_covered = [&](const auto& checks) {
    for (const auto* check : checks) {
      EXPECT_TRUE(covered.contains(check->id) || !check->id.starts_with("azure.vm.")) << check->id;
    }
  };
  expect_covered(verifier::checks::parse_checks());
  expect_covered(verifier::checks::authenticate_checks());
  expect_covered(verifier::checks::appraise_checks());
}

TEST(MadeAzureVms, AreAskedNothingOfWhatThePolicyDoesNotPin) {
  World world = good_world();
  world.policy.azure.vm.reset();
  Verdict verdict = judge(world);
  EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
  EXPECT_EQ(outcome(verdict, "azure.vm.pcrs"), Outcome::not_requested);
  EXPECT_EQ(outcome(verdict, "azure.vm.pcr_digest"), Outcome::passed);
  world.policy.azure.vm.emplace();
  world.tamper = [](auto& e) { e.azure_vm->pcrs.clear(); };
  verdict = judge(world);
  EXPECT_TRUE(verdict.accepted()) << render_table(verdict);
  EXPECT_EQ(outcome(verdict, "azure.vm.pcr_digest"), Outcome::not_requested);
}

// Whatever a caller says, an Azure VM passes in two cases alone: its quote is over what the caller expects, or the
// caller waived freshness by name and expects nothing.
TEST(MadeAzureVms, PassOnlyFreshOrWaivedByName) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    const bool quoted = (bits & 1U) != 0, expects_quote = (bits & 2U) != 0, right = (bits & 4U) != 0;
    const bool expects_report = (bits & 8U) != 0, waived = (bits & 16U) != 0, azure = (bits & 32U) != 0;
    World world = good_world();
    world.policy.azure.vm.reset();
    world.expected = expects_quote ? std::optional(Bytes(32, std::byte{7})) : std::nullopt;
    if (!right) world.vm.qualifying_data = Bytes(32, std::byte{8});
    if (expects_report) world.expected_report_data = ByteArray<64>{std::byte{42}};
    world.freshness_not_requested = waived;
    world.tamper = [&](evidence::Evidence& evidence) {
      if (!quoted) drop_quote(evidence);
      if (!azure) evidence.azure_vm.reset();
    };
    const bool nothing_expected = waived && !expects_quote && !expects_report;
    const bool fresh = azure && quoted && expects_quote && right;
    EXPECT_EQ(judge(world).accepted(), fresh || nothing_expected) << bits;
  }
}

// Pinned PCRs ask for a TPM's quote: a guest without one does not get by.
TEST(MadeAzureVms, ArePinnedSoThatNoOtherGuestPasses) {
  World world = good_world();
  world.expected.reset();
  world.freshness_not_requested = true;
  world.tamper = [](evidence::Evidence& evidence) { evidence.azure_vm.reset(); };
  EXPECT_THAT(failed(judge(world)), testing::ElementsAre("azure.vm.pcrs"));
}

}  // namespace
}  // namespace blindbox
