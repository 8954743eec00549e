// SPDX-License-Identifier: Apache-2.0
#include "blindbox/intake/internal/recognise.h"

namespace blindbox::intake::internal {
namespace {

// What has a magic number first, then texts, then encodings of any of these, then what only its size tells.
constexpr Result<bool> (*kForms[])(ByteView, const Reading&) = {
    &read_bundle, &read_report,  &read_firmware_response, &read_hcl_report,      &read_quote,
    &read_cose,   &read_der,     &read_certificate_table, &read_security_policy, &read_pem,
    &read_json,   &read_encoded, &read_by_size,
};

}  // namespace

tl::unexpected<Error> broken(const Reading& reading, const std::string& why) {
  return base::fail(ErrorKind::malformed, reading.name + ": " + why);
}

Result<bool> recognise(ByteView bytes, const Reading& reading) {
  if (bytes.empty() || reading.layer > kMostLayers) return false;
  for (const auto& form : kForms) {
    auto known = form(bytes, reading);
    if (!known || *known) return known;
  }
  return false;
}

}  // namespace blindbox::intake::internal
