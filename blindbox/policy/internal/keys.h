// SPDX-License-Identifier: Apache-2.0
// Names that reading and writing a policy share.
#pragma once

#include <array>
#include <string_view>

#include "blindbox/policy/policy.h"

namespace blindbox::policy::internal {

struct GuestFlag {
  std::string_view key;
  bool GuestPolicy::*value;
  std::string_view comment;
};
inline constexpr std::array kGuestFlags = {
    GuestFlag{"smt_disabled", &GuestPolicy::smt_disabled, "no second thread of a stranger's on the same core"},
    GuestFlag{"single_socket", &GuestPolicy::single_socket, "no traffic between sockets"},
    GuestFlag{"cxl_disabled", &GuestPolicy::cxl_disabled, "no memory behind CXL"},
    GuestFlag{"rapl_disabled", &GuestPolicy::rapl_disabled, "no power readings for the host"},
    GuestFlag{"aes_256_xts", &GuestPolicy::aes_256_xts, "memory encrypted with AES-256-XTS"},
    GuestFlag{"ciphertext_hiding", &GuestPolicy::ciphertext_hiding, "the host cannot read ciphertext in memory"},
    GuestFlag{"page_swap_disabled", &GuestPolicy::page_swap_disabled, "no guest pages swapped by the host"},
};

// PLATFORM_INFO (AMD 56860, Table 24); other bits go by "bit_N".
struct PlatformBit {
  std::string_view name;
  unsigned bit;
};
inline constexpr std::array kPlatformBits = {
    PlatformBit{"smt_enabled", 0},
    PlatformBit{"tsme_enabled", 1},
    PlatformBit{"ecc_enabled", 2},
    PlatformBit{"rapl_disabled", 3},
    PlatformBit{"ciphertext_hiding_enabled", 4},
    PlatformBit{"alias_check_complete", 5},
    PlatformBit{"tio_enabled", 7},
};

}  // namespace blindbox::policy::internal
