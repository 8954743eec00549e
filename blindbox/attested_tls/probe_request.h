// SPDX-License-Identifier: Apache-2.0
// Asks for a fresh run of the escape attempts, on a connection that has its verdict: POST /.well-known/blindbox/probe
// with the CBOR map {1: nonce}, as a challenge is written. The answer is the attested server's; what is in it is read by
// blindbox/probe.
#pragma once

#include <string>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/attested_tls/client.h"

namespace blindbox::attested_tls {

inline constexpr std::string_view kProbePath = "/.well-known/blindbox/probe";
inline constexpr std::size_t kProbeAnswerCap = std::size_t{256} << 10;

// The answer's JSON, within limit. ErrorKind::network where the server runs none (404), has run some a moment ago (429) or
// could not run them (503), and for the connection; ErrorKind::protocol for another status.
net::Task<Result<std::string>> request_probe(AttestedConnection& connection, Nonce nonce, net::Duration limit);

}  // namespace blindbox::attested_tls
