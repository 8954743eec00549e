// SPDX-License-Identifier: Apache-2.0
// Small conversions from OpenSSL's ASN.1 types.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>

#include "blindbox/base/bytes.h"
#include "blindbox/base/clock.h"

namespace blindbox::endorsements::internal {

// Malformed: not DER, or trailing bytes.
[[nodiscard]] Result<std::shared_ptr<X509>> parse_x509(ByteView der);

// The SubjectPublicKeyInfo in DER; empty where it cannot be written.
[[nodiscard]] Bytes encode_spki(X509* x509);

// The text of any ASN.1 string type, as UTF-8.
[[nodiscard]] std::optional<std::string> to_text(const ASN1_STRING* value);

// The text of the only entry of a kind (NID_commonName, ...) in a name; none where there is no such entry, several
// of them, or one that is not text.
[[nodiscard]] std::optional<std::string> only_entry(const X509_NAME* name, int nid);

[[nodiscard]] std::optional<base::Time> to_time(const ASN1_TIME* time);

// True when the algorithm is RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes: AMD's only one.
[[nodiscard]] bool is_rsa_pss_sha384(const X509_ALGOR* algorithm);

}  // namespace blindbox::endorsements::internal
