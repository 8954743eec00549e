// SPDX-License-Identifier: Apache-2.0
// The words for the choices, as YAML and JSON spell them, and the judgements that both share.
#pragma once

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "blindbox/specification/specification.h"

namespace blindbox::specification::internal {

template <typename T, std::size_t N>
using Names = std::array<std::pair<std::string_view, T>, N>;

inline constexpr Names<Platform, 2> kPlatforms{
    {{"azure-aci", Platform::azure_aci}, {"sev-snp-vm", Platform::sev_snp_vm}}};
inline constexpr Names<Tier, 3> kTiers{
    {{"filtered", Tier::filtered}, {"namespaces", Tier::namespaces}, {"confined", Tier::confined}}};
inline constexpr Names<Restart, 3> kRestarts{
    {{"never", Restart::never}, {"on-failure", Restart::on_failure}, {"always", Restart::always}}};
inline constexpr Names<int, 8> kStopSignals{{{"SIGTERM", SIGTERM},
                                             {"SIGINT", SIGINT},
                                             {"SIGQUIT", SIGQUIT},
                                             {"SIGHUP", SIGHUP},
                                             {"SIGUSR1", SIGUSR1},
                                             {"SIGUSR2", SIGUSR2},
                                             {"SIGWINCH", SIGWINCH},
                                             {"SIGCONT", SIGCONT}}};
inline constexpr Names<Output, 3> kOutputs{
    {{"none", Output::none}, {"stderr", Output::standard_error}, {"all", Output::all}}};

template <typename T, std::size_t N>
std::string_view name_of(const Names<T, N>& names, T value) {
  const auto found =
      std::find_if(names.begin(), names.end(), [value](const auto& entry) { return entry.second == value; });
  return found == names.end() ? std::string_view{} : found->first;
}

template <typename T, std::size_t N>
std::optional<T> find_name(const Names<T, N>& names, std::string_view name) {
  const auto found =
      std::find_if(names.begin(), names.end(), [name](const auto& entry) { return entry.first == name; });
  return found == names.end() ? std::nullopt : std::optional<T>(found->second);
}

// "10s", "250ms", "2m", "1h"; nullopt for anything else and for more than a day.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// "64MiB", "2GiB", "512KiB", "4096"; nullopt for anything else and past 2^53, where JSON's numbers end.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
// "api.example.com:443", "*.example.com:443", "192.0.2.7:5432", "[2001:db8::1]:443"; why not, otherwise.
[[nodiscard]] Result<Egress> parse_egress(std::string_view text);
[[nodiscard]] std::string egress_text(const Egress& egress);

// What is wrong with a specification as a whole, whoever wrote it; empty when nothing is. measured: as it stands in a
// layer, with its application.
[[nodiscard]] std::string problem_of(const Specification& specification, bool measured);

}  // namespace blindbox::specification::internal
