// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/stats.h"

#include <nlohmann/json.hpp>

namespace blindbox::egress {
namespace {

struct Row {
  std::string_view name;
  unsigned status;
};
constexpr std::array<Row, kRefusals> kRows = {
    Row{"malformed", 400}, Row{"not_listed", 403},    Row{"literal_address", 403}, Row{"forbidden_address", 403},
    Row{"not_found", 502}, Row{"not_connected", 502}, Row{"timed_out", 504}};

}  // namespace

std::string_view refusal_name(Refusal refusal) { return kRows.at(static_cast<std::size_t>(refusal)).name; }
unsigned refusal_status(Refusal refusal) { return kRows.at(static_cast<std::size_t>(refusal)).status; }

std::string to_json(const Stats& stats) {
  nlohmann::json refused = nlohmann::json::object();
  for (std::size_t i = 0; i < kRefusals; ++i) refused[std::string(kRows.at(i).name)] = stats.refused.at(i);
  const nlohmann::json all = {{"bytes_in", stats.bytes_in},       {"bytes_out", stats.bytes_out},
                              {"connections", stats.connections}, {"refused", std::move(refused)},
                              {"requests", stats.requests},       {"tunnels", stats.tunnels}};
  return all.dump();
}

}  // namespace blindbox::egress
