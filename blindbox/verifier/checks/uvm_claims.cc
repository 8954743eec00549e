// SPDX-License-Identifier: Apache-2.0
// Is this utility VM, and whoever endorses it, accepted? Where the policy says nothing of its own, Microsoft's signers of
// utility VMs are, each with its own feed and least SVN.
#include <algorithm>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using endorsements::uvm::UnverifiedEndorsement;
using internal::answer;
using internal::Answer;
using internal::AppraiseContext;
using policy::UvmSigner;

constexpr std::string_view kScheme = "Confidential_ACI_SCHEME.md, reference-info-base64";
constexpr std::string_view kHint =
    "an Azure container group has the endorsement in UVM_SECURITY_CONTEXT_DIR/reference-info-base64";

// The question, put where there is an endorsement; without one the answer depends on whether the policy wants it.
template <typename Question>
Answer ask(const AppraiseContext& context, Question question) {
  if (context.uvm != nullptr) return question(*context.uvm);
  if (context.policy.azure.uvm) return answer(false, "an endorsement of the utility VM", "none");
  return internal::not_requested("judged where the evidence carries one", "none");
}

Answer one_of(const std::vector<std::string>& accepted, const std::string& found, std::string_view key) {
  std::string expected;
  for (const std::string& value : accepted) expected += (expected.empty() ? "" : " or ") + value;
  if (expected.empty()) expected = "none is accepted: " + std::string(key) + " is empty";
  return answer(std::find(accepted.begin(), accepted.end(), found) != accepted.end(), expected, found);
}

template <typename Field>
const UvmSigner* known_signer(Field field, std::string_view value) {
  const auto signers = policy::known_uvm_signers();
  const auto found =
      std::find_if(signers.begin(), signers.end(), [&](const UvmSigner& s) { return s.*field == value; });
  return found != signers.end() ? &*found : nullptr;
}

Answer judge_issuer(const AppraiseContext& context) {
  return ask(context, [&](const UnverifiedEndorsement& endorsement) {
    if (context.policy.azure.uvm) {
      return one_of(context.policy.azure.uvm->issuers, endorsement.issuer, "azure.uvm.issuers");
    }
    return answer(known_signer(&UvmSigner::issuer, endorsement.issuer) != nullptr,
                  "a signer of Microsoft's for utility VMs", endorsement.issuer);
  });
}

// Microsoft's signers differ in nothing but a number of their certificates: one must not speak for another's feed.
Answer judge_feed(const AppraiseContext& context) {
  return ask(context, [&](const UnverifiedEndorsement& endorsement) {
    const std::string& feed = endorsement.feed;
    const UvmSigner* owner = known_signer(&UvmSigner::feed, feed);
    const UvmSigner* signer = known_signer(&UvmSigner::issuer, endorsement.issuer);
    if (owner != nullptr && signer != nullptr && owner != signer) {
      return answer(false, std::string(signer->feed) + ", which is this issuer's", feed);
    }
    if (context.policy.azure.uvm) return one_of(context.policy.azure.uvm->feeds, feed, "azure.uvm.feeds");
    return answer(owner != nullptr, "a feed of Microsoft's for utility VMs", feed);
  });
}

Answer judge_svn(const AppraiseContext& context) {
  return ask(context, [&](const UnverifiedEndorsement& endorsement) {
    const std::string found = std::to_string(endorsement.svn);
    const UvmSigner* known = known_signer(&UvmSigner::feed, endorsement.feed);
    if (!context.policy.azure.uvm && known == nullptr) {
      return answer(false, "at least what the policy says of this feed, which is nothing", found);
    }
    const std::uint64_t least = context.policy.azure.uvm ? context.policy.azure.uvm->minimum_svn : known->minimum_svn;
    return answer(endorsement.svn >= least, "at least " + std::to_string(least), found);
  });
}

Answer judge_measurement(const AppraiseContext& context) {
  return ask(context, [&](const UnverifiedEndorsement& endorsement) {
    const ByteArray<48>& found = context.report.claims().measurement;
    return answer(endorsement.launch_measurement == found, base::to_hex(endorsement.launch_measurement),
                  base::to_hex(found));
  });
}

// On Azure, HOST_DATA is the SHA-256 of the container policy: a policy beside the evidence is the guest's, or it lies.
Answer judge_security_policy(const AppraiseContext& context) {
  const Bytes& given = context.subject.evidence.security_policy;
  const ByteArray<32>& found = context.report.claims().host_data;
  if (given.empty()) return internal::not_requested("judged where the evidence carries one", "none");
  const base::Sha256 expected = base::sha256(given);
  return answer(expected == found, "HOST_DATA " + base::to_hex(expected), base::to_hex(found));
}

}  // namespace

constinit const AppraiseCheck kUvmIssuerAllowed{"azure.uvm.issuer.allowed",
                                                kScheme,
                                                "the utility VM's endorser is not in the policy",
                                                kHint,
                                                &judge_issuer,
                                                "Refuses another signer under the same root."};
constinit const AppraiseCheck kUvmFeed{
    "azure.uvm.feed",
    kScheme,
    "the utility VM's endorsement is of a feed that is not accepted",
    "",
    &judge_feed,
    "Refuses a genuine utility VM of another service, and one signer's word for the other's feed."};
constinit const AppraiseCheck kUvmSvn{"azure.uvm.svn",
                                      kScheme,
                                      "the utility VM is older than the policy accepts",
                                      "the host must start the container group on a newer utility VM",
                                      &judge_svn,
                                      "Refuses an old utility VM with known holes, which stays endorsed for ever."};
constinit const AppraiseCheck kUvmMeasurement{
    "azure.uvm.measurement",
    "Confidential_ACI_SCHEME.md; AMD 56860 rev. 1.58, Table 23, MEASUREMENT",
    "the endorsement is of another utility VM than the report's",
    "",
    &judge_measurement,
    "Refuses the endorsement of one utility VM beside the report of another."};
constinit const AppraiseCheck kSecurityPolicy{
    "azure.security_policy",
    "Confidential_ACI_SCHEME.md; AMD 56860 rev. 1.58, Table 23, HOST_DATA",
    "the container policy is not the one that the guest was launched with",
    "",
    &judge_security_policy,
    "Refuses a container policy that is shown beside a guest launched with another."};

}  // namespace blindbox::verifier::checks
