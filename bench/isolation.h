// SPDX-License-Identifier: Apache-2.0
// What the application and its clients in the isolation benchmark agree upon.
#pragma once

#include <cstddef>

namespace blindbox::bench::isolation {

inline constexpr std::size_t kSmall = 200;                      // bytes of a small answer
inline constexpr std::size_t kStreamed = std::size_t{1} << 20;  // bytes of a streamed one
inline constexpr std::size_t kPiece = std::size_t{16} << 10;    // in one write

}  // namespace blindbox::bench::isolation
