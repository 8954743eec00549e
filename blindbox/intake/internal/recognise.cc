// SPDX-License-Identifier: Apache-2.0
#include "blindbox/intake/internal/recognise.h"

namespace blindbox::intake::internal {
namespace {

// What has a magic number first, then texts, then encodings of any of these, then what only its size tells.
constexpr Result<bool> (*kForms[])(ByteView, const Reading&) = {
    &read_bundle,    &read_report, &read_firmware_response, &read_hcl_report,      &read_quote, &read_serialized_pcrs,
    &read_cose,      &read_der,    &read_certificate_table, &read_security_policy, &read_pem,   &read_json,
    &read_tpm2_text, &read_dump,   &read_encoded,           &read_by_size,
};

}  // namespace

tl::unexpected<Error> broken(const Reading& reading, const std::string& why) {
  return base::fail(ErrorKind::malformed, reading.name + ": " + why);
}

Result<bool> unreadable(const Reading& reading, const std::string& why) {
  reading.collector.doubt(why);
  return false;
}

Result<bool> recognise(ByteView bytes, const Reading& reading) {
  if (bytes.empty() || reading.layer > kMostLayers) return false;
  Collector& collector = reading.collector;
  std::string before = collector.take_doubt();
  std::string of_others;
  for (const auto& form : kForms) {
    auto known = form(bytes, reading);
    if (!known) return known;
    std::string own = collector.take_doubt();
    if (*known) {
      // What only looked like another form is no reason against this one.
      collector.doubt(before.empty() ? std::move(own) : std::move(before));
      return known;
    }
    if (of_others.empty()) of_others = std::move(own);
  }
  collector.doubt(before.empty() ? std::move(of_others) : std::move(before));
  return false;
}

}  // namespace blindbox::intake::internal
