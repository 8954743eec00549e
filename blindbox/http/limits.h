// SPDX-License-Identifier: Apache-2.0
// What a message may cost. Checked while it is read, before anything is allocated for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace blindbox::http {

inline constexpr std::uint32_t kHeadLimit = 16 * 1024;
inline constexpr std::uint64_t kBodyLimit = 8 * 1024 * 1024;
inline constexpr std::size_t kTargetLimit = 8 * 1024;
// Bytes that are read or relayed at a time; back-pressure holds no more than this per direction.
inline constexpr std::size_t kPiece = 16 * 1024;

inline constexpr std::chrono::seconds kIdleLimit{120};  // between two requests
inline constexpr std::chrono::seconds kStallLimit{30};  // between two reads or writes of one message

}  // namespace blindbox::http
