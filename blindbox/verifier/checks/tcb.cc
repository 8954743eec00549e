// SPDX-License-Identifier: Apache-2.0
// How new is the firmware? The certificate's TCB is the one that the signing key was derived from, so it is the one
// that cannot be lied about; the report's must equal it. Everything else is compared part by part: the order of TCBs
// is partial, and a number as a whole says nothing.
#include <fmt/format.h>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::sev_snp::decode_tcb;
using evidence::sev_snp::encode_tcb;
using evidence::sev_snp::FirmwareVersion;
using evidence::sev_snp::Product;
using evidence::sev_snp::Tcb;
using internal::answer;
using internal::Answer;
using internal::AppraiseContext;
using internal::AuthenticateContext;

std::string text(const Tcb& tcb, Product product) {
  const std::string fmc = product == Product::turin ? fmt::format("fmc {} ", tcb.fmc) : "";
  return fmt::format("{}bootloader {} tee {} snp {} microcode {}", fmc, tcb.bootloader, tcb.tee, tcb.snp,
                     tcb.microcode);
}

std::string text(const FirmwareVersion& version) {
  return fmt::format("{}.{}.{}", version.major, version.minor, version.build);
}

Answer judge_layout(const AuthenticateContext& context) {
  const std::string expected = "zero where TCB_VERSION is reserved";
  if (!context.leaf) return answer(false, expected, "no leaf that tells the product");
  const auto& report = context.report;
  for (const auto& [name, raw] : {std::pair{"CURRENT_TCB", report.current_tcb},
                                  {"REPORTED_TCB", report.reported_tcb},
                                  {"COMMITTED_TCB", report.committed_tcb},
                                  {"LAUNCH_TCB", report.launch_tcb}}) {
    const Product product = context.leaf->product;
    if (encode_tcb(decode_tcb(raw, product), product) != raw) {
      return answer(false, expected, fmt::format("{} {:016x}", name, raw));
    }
  }
  return answer(true, expected, "so they are");
}

Answer judge_reported(const AuthenticateContext& context) {
  if (!context.leaf) return answer(false, "the certificate's", "no certificate");
  const Product product = context.leaf->product;
  const Tcb reported = decode_tcb(context.report.reported_tcb, product);
  return answer(reported == context.leaf->tcb, text(context.leaf->tcb, product), text(reported, product));
}

Answer judge_committed(const AppraiseContext& context) {
  const auto& claims = context.report.claims();
  const Product product = context.report.product();
  const Tcb current = context.report.decode(claims.current_tcb);
  const Tcb committed = context.report.decode(claims.committed_tcb);
  const bool firmware = claims.current_firmware.at_least(claims.committed_firmware);
  // Several genuine hosts run newer microcode than they committed to: at most, not equal.
  return answer(current.at_least(committed) && firmware,
                "at most " + text(current, product) + ", firmware " + text(claims.current_firmware),
                text(committed, product) + ", firmware " + text(claims.committed_firmware));
}

Answer at_least_floor(const AppraiseContext& context, std::uint64_t raw) {
  const Product product = context.report.product();
  const Tcb found = context.report.decode(raw);
  const auto floor = context.policy.sev_snp.products.find(product);
  if (floor == context.policy.sev_snp.products.end()) {
    return answer(false, "a minimum for this product in the policy", text(found, product));
  }
  return answer(found.at_least(floor->second.minimum_tcb), "at least " + text(floor->second.minimum_tcb, product),
                text(found, product));
}

Answer judge_minimum(const AppraiseContext& context) {
  return at_least_floor(context, context.report.claims().reported_tcb);
}

Answer judge_launch(const AppraiseContext& context) {
  return at_least_floor(context, context.report.claims().launch_tcb);
}

// CURRENT is what runs; COMMITTED is what it cannot be rolled back below.
Answer judge_firmware(const AppraiseContext& context) {
  const auto& claims = context.report.claims();
  std::string actual = text(claims.current_firmware) + ", committed " + text(claims.committed_firmware);
  const auto entry = context.policy.sev_snp.products.find(context.report.product());
  if (entry == context.policy.sev_snp.products.end()) {
    return answer(false, "a minimum for this product in the policy", std::move(actual));
  }
  const auto& floor = entry->second.minimum_firmware;
  if (!floor) return internal::not_requested("any", std::move(actual));
  return answer(claims.current_firmware.at_least(*floor) && claims.committed_firmware.at_least(*floor),
                "at least " + text(*floor), std::move(actual));
}

constexpr std::string_view kHint = "the host needs newer firmware, or the policy a lower minimum_tcb";

}  // namespace

constinit const AuthenticateCheck kTcbLayout{
    "sev_snp.tcb.layout",
    "AMD 56860 rev. 1.58, Table 3",
    "a TCB version has bits that its product does not know",
    "",
    &judge_layout,
    "Keeps a TCB from being read in another product's layout, whatever the report's version."};
constinit const AuthenticateCheck kTcbReported{
    "sev_snp.tcb.reported",
    "AMD 56860 rev. 1.58, Table 23, REPORTED_TCB; AMD 57230, extensions",
    "the report claims another TCB than its certificate",
    "",
    &judge_reported,
    "Refuses a host that reports newer firmware than its key was derived from."};
constinit const AppraiseCheck kTcbCommitted{
    "sev_snp.tcb.committed",
    "AMD 56860 rev. 1.58, section 3.3",
    "the committed TCB is above the current one",
    "",
    &judge_committed,
    "Refuses a committed TCB above the current one, which no honest firmware reports."};
constinit const AppraiseCheck kTcbMinimum{"sev_snp.tcb.minimum",
                                          "AMD 56860 rev. 1.58, Table 23, REPORTED_TCB",
                                          "the platform's TCB is below the policy's minimum",
                                          kHint,
                                          &judge_minimum,
                                          "Refuses firmware with known holes."};
constinit const AppraiseCheck kTcbLaunch{"sev_snp.tcb.launch",
                                         "AMD 56860 rev. 1.58, Table 23, LAUNCH_TCB",
                                         "the guest was launched under a TCB below the policy's minimum",
                                         "launch the guest again on the updated platform",
                                         &judge_launch,
                                         "Refuses a guest that was launched under such firmware and kept running."};

constinit const AppraiseCheck kFirmwareMinimum{
    "sev_snp.firmware.minimum",
    "AMD 56860 rev. 1.58, Table 23, CURRENT_BUILD to COMMITTED_MAJOR",
    "the firmware is older than the policy's minimum, or can be rolled back below it",
    kHint,
    &judge_firmware,
    "Refuses firmware with known holes, running or one rollback away, where the policy has a minimum."};

}  // namespace blindbox::verifier::checks
