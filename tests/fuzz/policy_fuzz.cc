// SPDX-License-Identifier: Apache-2.0
// A policy that is accepted writes as a policy that means the same; a refusal is one line that names the file.
#include "blindbox/policy/policy.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  const std::string_view text = blindbox::base::as_text(blindbox::fuzz::input(data, size));
  const auto policy = blindbox::policy::parse_policy(text, "p.yml");
  if (!policy) {
    must(policy.error().what.starts_with("p.yml"), "a refusal names the file");
    return 0;
  }
  must(!policy->sev_snp.products.empty(), "an accepted policy has a floor for some product");
  const auto again = blindbox::policy::parse_policy(write_policy(*policy), "again");
  must(again && again->sev_snp == policy->sev_snp && again->manifest == policy->manifest &&
           again->unsafe == policy->unsafe,
       "a policy reads back equal");
  return 0;
}
