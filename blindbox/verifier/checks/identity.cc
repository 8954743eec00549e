// SPDX-License-Identifier: Apache-2.0
// Which guest is it? The launch digest, and what its owner and its host gave it at launch.
#include <algorithm>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::AppraiseContext;

template <std::size_t N>
Answer one_of(const std::vector<ByteArray<N>>& accepted, const ByteArray<N>& found, std::string_view key) {
  std::string expected;
  for (const auto& value : accepted) expected += (expected.empty() ? "" : " or ") + base::to_hex(value);
  if (expected.empty()) expected = "none is accepted: " + std::string(key) + " is empty";
  const bool known = std::find(accepted.begin(), accepted.end(), found) != accepted.end();
  return answer(known, std::move(expected), base::to_hex(found));
}

template <std::size_t N>
Answer one_of(const std::optional<std::vector<ByteArray<N>>>& accepted, const ByteArray<N>& found,
              std::string_view key) {
  return accepted ? one_of(*accepted, found, key) : internal::not_requested("any", base::to_hex(found));
}

Answer judge_measurement(const AppraiseContext& context) {
  const auto& found = context.report.claims().measurement;
  const auto& accepted = context.policy.sev_snp.measurements;
  if (accepted) return one_of(*accepted, found, "sev_snp.measurements");
  if (context.policy.azure.uvm) {
    // The endorsement held, or this stage would not run; that it is of this very measurement is asked here too.
    const bool endorsed = context.uvm != nullptr && context.uvm->launch_measurement == found;
    return answer(endorsed, "one that Azure endorses (azure.uvm)", base::to_hex(found));
  }
  if (context.policy.no_expected_software) {
    return internal::not_requested("NO EXPECTED SOFTWARE WAS GIVEN", base::to_hex(found));
  }
  return answer(false, "a measurement in the policy", base::to_hex(found));
}

Answer judge_host_data(const AppraiseContext& context) {
  return one_of(context.policy.sev_snp.host_data, context.report.claims().host_data, "sev_snp.host_data");
}
Answer judge_family_id(const AppraiseContext& context) {
  return one_of(context.policy.sev_snp.family_ids, context.report.claims().family_id, "sev_snp.family_ids");
}
Answer judge_image_id(const AppraiseContext& context) {
  return one_of(context.policy.sev_snp.image_ids, context.report.claims().image_id, "sev_snp.image_ids");
}
Answer judge_id_key(const AppraiseContext& context) {
  return one_of(context.policy.sev_snp.id_key_digests, context.report.claims().id_key_digest, "sev_snp.id_key_digests");
}

// AUTHOR_KEY_EN says whether the digest means anything.
Answer judge_author_key(const AppraiseContext& context) {
  const auto& claims = context.report.claims();
  const auto& accepted = context.policy.sev_snp.author_key_digests;
  if (accepted && !claims.author_key_en) return answer(false, "an author key", "none (AUTHOR_KEY_EN is 0)");
  return one_of(accepted, claims.author_key_digest, "sev_snp.author_key_digests");
}

Answer judge_guest_svn(const AppraiseContext& context) {
  const std::uint32_t least = context.policy.sev_snp.minimum_guest_svn, found = context.report.claims().guest_svn;
  if (least == 0) return internal::not_requested("any", std::to_string(found));
  return answer(found >= least, "at least " + std::to_string(least), std::to_string(found));
}

}  // namespace

constinit const AppraiseCheck kMeasurement{"sev_snp.measurement",
                                           "AMD 56860 rev. 1.58, Table 23, MEASUREMENT",
                                           "the measurement is not in the policy",
                                           "review what changed in the server's release before adding it to "
                                           "sev_snp.measurements",
                                           &judge_measurement,
                                           "Refuses software that nobody reviewed."};
// On Azure, HOST_DATA is the hash of the container policy.
constinit const AppraiseCheck kHostData{"sev_snp.host_data",
                                        "AMD 56860 rev. 1.58, Table 23, HOST_DATA",
                                        "the host data is not in the policy",
                                        "",
                                        &judge_host_data,
                                        "Refuses another configuration than the reviewed one (on Azure, another "
                                        "container policy), where the policy lists any."};
constinit const AppraiseCheck kFamilyId{"sev_snp.family_id",
                                        "AMD 56860 rev. 1.58, Table 23, FAMILY_ID",
                                        "the family id is not in the policy",
                                        "",
                                        &judge_family_id,
                                        "Refuses another guest of the same owner, where the policy lists family ids."};
constinit const AppraiseCheck kImageId{"sev_snp.image_id",
                                       "AMD 56860 rev. 1.58, Table 23, IMAGE_ID",
                                       "the image id is not in the policy",
                                       "",
                                       &judge_image_id,
                                       "Refuses another image of the same owner, where the policy lists image ids."};
constinit const AppraiseCheck kIdKey{"sev_snp.id_key",
                                     "AMD 56860 rev. 1.58, Table 23, ID_KEY_DIGEST",
                                     "the launch was signed by a key that is not in the policy",
                                     "",
                                     &judge_id_key,
                                     "Refuses a launch that somebody else signed, where the policy lists keys."};
constinit const AppraiseCheck kAuthorKey{
    "sev_snp.author_key",
    "AMD 56860 rev. 1.58, Table 23, AUTHOR_KEY_DIGEST",
    "the launch key was signed by a key that is not in the policy",
    "",
    &judge_author_key,
    "Refuses a launch key that somebody else signed, where the policy lists keys."};
constinit const AppraiseCheck kGuestSvn{"sev_snp.guest_svn",
                                        "AMD 56860 rev. 1.58, Table 23, GUEST_SVN",
                                        "the guest's security version is below the policy's minimum",
                                        "",
                                        &judge_guest_svn,
                                        "Refuses an old release of the same owner, where the policy has a minimum."};

}  // namespace blindbox::verifier::checks
