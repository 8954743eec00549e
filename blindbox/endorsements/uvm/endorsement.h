// SPDX-License-Identifier: Apache-2.0
// Azure's endorsement of a utility VM: Microsoft signs the launch measurement of the small VM that a container group
// runs in (github.com/microsoft/confidential-aci-examples, Confidential_ACI_SCHEME.md, "reference-info-base64"). Taken
// apart here; nobody has verified it.
#pragma once

#include <cstdint>
#include <string>

#include "blindbox/endorsements/path.h"

namespace blindbox::endorsements::uvm {

struct UnverifiedEndorsement {
  std::int64_t algorithm = 0;  // COSE's number
  Path chain;                  // x5chain; the leaf signed the message
  std::string issuer;          // did:x509
  std::string feed;
  base::Time signing_time;  // what the signer says: no timestamp proves it
  std::uint64_t svn = 0;    // of the utility VM
  ByteArray<48> launch_measurement{};
  Bytes signed_bytes;
  Bytes signature;
};

// A COSE_Sign1 in either of Azure's formats:
//   JSON: header texts "iss", "feed", "signingtime"; content type (3) application/json; the payload names the measurement
//         in hexadecimal, and the SVN as a text, a number or both.
//   CWT:  header 15 holds the claims 1 iss, 2 sub (the feed), 6 iat and "svn"; a hash envelope (258, SHA-384) whose
//         payload is the measurement itself (draft-ietf-cose-hash-envelope).
// Malformed: neither, a mixture of both, a field missing or of another type, one said twice and differently, a critical
// header that is not known here, a chain that does not parse.
[[nodiscard]] Result<UnverifiedEndorsement> parse_endorsement(ByteView cose);

}  // namespace blindbox::endorsements::uvm
