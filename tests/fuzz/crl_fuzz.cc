// SPDX-License-Identifier: Apache-2.0
// A revocation list that reads has an issuer and dates, and no byte behind it. Of one that nobody signed no chain is
// vouched for.
#include "blindbox/base/file.h"
#include "blindbox/endorsements/sev_snp/crl.h"
#include "tests/fuzz/fuzz.h"

namespace {

namespace sev_snp = blindbox::endorsements::sev_snp;

// In all three places the same: only its name and key are asked for.
const sev_snp::Chain& chain() {
  static const sev_snp::Chain chain = [] {
    auto der = blindbox::base::read_file(BLINDBOX_SOURCE_DIR "/tests/fuzz/corpus/certificate/root.der", 1U << 14);
    const auto root = der ? blindbox::endorsements::Certificate::parse(*der) : blindbox::base::pass_on(der);
    blindbox::fuzz::must(root.has_value(), "the corpus has a root");
    return sev_snp::Chain{blindbox::evidence::sev_snp::SigningKey::vcek, *root, *root, *root};
  }();
  return chain;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  const blindbox::Bytes input = blindbox::base::to_bytes(blindbox::fuzz::input(data, size));
  const auto claims = sev_snp::read_crl(input);
  const auto now = claims ? claims->this_update : blindbox::base::Time{};
  const auto checked = sev_snp::check_crls({input}, chain(), now);
  must(!checked || !*checked, "a list that the root did not sign vouches for nothing");
  if (!claims) {
    must(!checked, "what cannot be read is refused");
    return 0;
  }
  must(!claims->issuer_common_name.empty(), "a list has an issuer");
  blindbox::Bytes longer = input;
  longer.push_back(std::byte{0});
  must(!sev_snp::read_crl(longer), "trailing bytes are refused");
  return 0;
}
