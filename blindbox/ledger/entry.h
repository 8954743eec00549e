// SPDX-License-Identifier: Apache-2.0
// One request, as the ledger tells it.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::ledger {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

struct Entry {
  Time time{};          // when the request's head had been read
  std::string id;       // 16 hexadecimal digits
  std::string server;   // the name it goes by here; empty where none was chosen
  std::string verdict;  // SHA-256 of the verdict that the connection had; empty where nothing was sent
  std::string method;
  std::string path;                   // without its query
  unsigned status = 0;                // 0: the client went away before there was one
  std::uint64_t bytes_out = 0;        // of the body, as it left this machine
  std::uint64_t bytes_in = 0;         // of the answer's body
  std::string sha256;                 // of the body as it left; empty where nothing left
  std::string outcome;                // answered, refused, failed, blocked, cancelled
  std::vector<std::string> findings;  // rules
  bool operator==(const Entry&) const = default;
};

// One line without its end: {"time","id","server",...}.
[[nodiscard]] std::string write_entry(const Entry& entry);
[[nodiscard]] nlohmann::json to_json(const Entry& entry);
// ErrorKind::malformed for a line that is none; members that are unknown are skipped, so that a newer one's can be read.
[[nodiscard]] Result<Entry> read_entry(std::string_view line);

// "2026-11-21T20:00:00.000001Z" (RFC 3339, UTC) and back, with any number of digits of a second or none.
[[nodiscard]] std::string to_text(Time time);
[[nodiscard]] Result<Time> parse_time(std::string_view text);

struct Sums {
  std::uint64_t requests = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t refused = 0;  // outcomes refused and blocked
  void add(const Entry& entry);
  void add(const Sums& other);
};

}  // namespace blindbox::ledger
