// SPDX-License-Identifier: Apache-2.0
// What went wrong, in the words that a user reads: what happened, what was compared, what to do next.
#pragma once

#include <string>

namespace blindbox::base {

// One kind per way of failing that a caller or a script must tell apart.
enum class ErrorKind {
  usage,           // the command line
  malformed,       // bytes from outside that are not what they claim to be
  not_authentic,   // evidence was read, and nobody vouches for it
  not_acceptable,  // evidence is authentic, and what it says is not what the policy accepts
  network,         // nobody there, a time-out, a broken connection: something could not be fetched
  policy,          // the policy file
  model,           // the model file
  platform,        // no attestation device, or one that fails
  io,              // a file, a port or another resource of this machine
  limit,           // a documented cap was exceeded
  cancelled,       // whoever asked went away
  protocol,        // a peer that does not speak ours
  forbidden,       // a request that we do not take from whoever makes it
  internal,        // our own fault
};

// The exit status for a kind (docs/exit-codes in the man page); never 0.
[[nodiscard]] int exit_code(ErrorKind kind);

// The kind as the word that JSON output and logs use.
[[nodiscard]] const char* kind_name(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string what;    // lower case, no final stop
  std::string detail;  // what was compared; may be empty
  std::string hint;    // what to do next; may be empty
};

// "blindbox: error: ..." with detail and hint on lines of their own, as docs/style says.
[[nodiscard]] std::string to_string(const Error& error);

}  // namespace blindbox::base

namespace blindbox {
using base::Error;
using base::ErrorKind;
}  // namespace blindbox
