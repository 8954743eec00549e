// SPDX-License-Identifier: Apache-2.0
// A certificate that parses has its fields and nothing behind it; reading its extensions never fails otherwise than by
// an error, and the claims of a leaf are within their ranges.
#include <algorithm>

#include "blindbox/endorsements/sev_snp/crl.h"
#include "blindbox/endorsements/sev_snp/leaf.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::evidence::sev_snp::Product;
  using blindbox::evidence::sev_snp::SigningKey;
  using blindbox::fuzz::must;
  namespace sev_snp = blindbox::endorsements::sev_snp;
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto certificate = blindbox::endorsements::Certificate::parse(input);
  if (!certificate) return 0;
  must(std::ranges::equal(certificate->der(), input), "a certificate keeps its bytes");
  blindbox::Bytes longer = blindbox::base::to_bytes(input);
  longer.push_back(std::byte{0});
  must(!blindbox::endorsements::Certificate::parse(longer), "trailing bytes are refused");
  const auto vcek = sev_snp::read_leaf(*certificate, SigningKey::vcek);
  const auto vlek = sev_snp::read_leaf(*certificate, SigningKey::vlek);
  must(!(vcek && vlek), "no certificate is a VCEK and a VLEK");
  if (vcek) must(vcek->hwid.size() == (vcek->product == Product::turin ? 8U : 64U), "a VCEK names its chip");
  // A certificate in all three places at once: every question gets an answer.
  const sev_snp::Chain chain{SigningKey::vcek, *certificate, *certificate, *certificate};
  const bool trusted = check_names(chain).has_value();
  (void)check_algorithms(chain).has_value();
  (void)check_authority(chain).has_value();
  (void)check_dates(chain, certificate->not_before()).has_value();
  (void)sev_snp::check_crls({blindbox::base::to_bytes(input)}, chain, certificate->not_before()).has_value();
  must(!trusted, "one certificate is no chain");
  return 0;
}
