// SPDX-License-Identifier: Apache-2.0
// What the proxy counts: how often and why, never whom or what.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace blindbox::egress {

// Why a request got no further, in the words of the counters and of the answer's "code".
enum class Refusal {
  malformed,          // 400: not a strict CONNECT or absolute-form request
  not_listed,         // 403: host and port are not in the allow-list
  literal_address,    // 403: an IP address that is not listed literally
  forbidden_address,  // 403: private, loopback, link-local, metadata ...: see ranges.h
  not_found,          // 502: the name has no address
  not_connected,      // 502: nobody answered, or the far end broke off
  timed_out,          // 504
};
inline constexpr std::size_t kRefusals = 7;
[[nodiscard]] std::string_view refusal_name(Refusal refusal);
[[nodiscard]] unsigned refusal_status(Refusal refusal);

struct Stats {
  std::uint64_t connections = 0;  // of the application to the proxy
  std::uint64_t tunnels = 0;      // CONNECTs that were opened
  std::uint64_t requests = 0;     // plain requests that were answered
  std::uint64_t bytes_out = 0;    // through tunnels
  std::uint64_t bytes_in = 0;
  std::array<std::uint64_t, kRefusals> refused{};  // by Refusal
  void count(Refusal refusal) { ++refused[static_cast<std::size_t>(refusal)]; }
};

// One line of JSON: {"bytes_in":..,"bytes_out":..,"connections":..,"refused":{"not_listed":..},"requests":..,"tunnels":..}
[[nodiscard]] std::string to_json(const Stats& stats);

}  // namespace blindbox::egress
