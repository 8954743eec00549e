// SPDX-License-Identifier: Apache-2.0
// What did:x509 sees of a certificate ("Certificate Chain JSON Model" of its specification).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "blindbox/endorsements/path.h"

namespace blindbox::endorsements::internal {

struct CertificateModel {
  std::map<std::string, std::string, std::less<>> subject;  // "CN" or a dotted number -> text
  std::optional<std::vector<std::string>> eku;              // dotted numbers
  std::vector<std::pair<std::string, std::string>> san;     // {"email", "dns" or "uri", value}
  std::optional<std::string> fulcio_issuer;
};

// Not authentic: an attribute twice in a name, an alternative name of a kind that the model has no place for, a
// critical extension that the specification does not list, or what cannot be read.
[[nodiscard]] Result<CertificateModel> model_of(X509* x509);

}  // namespace blindbox::endorsements::internal
