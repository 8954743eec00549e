// SPDX-License-Identifier: Apache-2.0
// What came of the escape attempts: made inside the sandbox, carried as canonical JSON, read by a client.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::probe {

inline constexpr std::size_t kNonceSize = 32;
inline constexpr std::size_t kReportCap = std::size_t{256} << 10;  // of the JSON, checked before it is parsed
inline constexpr std::size_t kMostAttempts = 512;
inline constexpr std::string_view kReportSchema = "blindbox/probe/v1";
using Nonce = ByteArray<kNonceSize>;

enum class Outcome {
  blocked,         // it was tried, and failed
  escaped,         // it was tried, and something got out
  not_applicable,  // this environment has nothing to try it on; never counted as blocked
};
[[nodiscard]] std::string_view outcome_name(Outcome outcome);  // "blocked", "escaped", "not_applicable"

struct Attempt {
  std::string id;     // "tcp.connect", "namespaces.unshare.user": lower case, digits, '.', '_'
  std::string tries;  // in words, one line of ASCII
  Outcome outcome = Outcome::not_applicable;
  int error = 0;       // errno, 0 where there is none
  std::string detail;  // one line of ASCII, no content of files
  bool operator==(const Attempt&) const = default;
};

struct Report {
  Nonce nonce{};                  // whose run this is: the client's, or what init chose at start
  std::vector<Attempt> attempts;  // in the order of the catalogue
  [[nodiscard]] std::size_t count(Outcome outcome) const;
  bool operator==(const Report&) const = default;
};

// Canonical JSON (RFC 8785): the same report gives the same bytes.
[[nodiscard]] std::string encode(const Report& report);
// ErrorKind::malformed for whatever encode() would not have written, for a report without attempts, and for an id that
// comes twice; ErrorKind::limit over kReportCap or kMostAttempts.
[[nodiscard]] Result<Report> decode(std::string_view json);

}  // namespace blindbox::probe
