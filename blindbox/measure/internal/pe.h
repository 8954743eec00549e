// SPDX-License-Identifier: Apache-2.0
// Images that firmware loads (Microsoft, "PE Format"), as far as what is measured of them asks for it.
#pragma once

#include <string>
#include <vector>

#include "blindbox/base/digest.h"

namespace blindbox::measure::internal {

struct PeSection {
  std::string name;             // 8 bytes at most
  std::uint32_t address = 0;    // in memory
  std::uint32_t size = 0;       // in memory
  std::uint32_t file_size = 0;  // may be filled up beyond size
  std::uint32_t file_offset = 0;
};

struct PeImage {
  std::vector<PeSection> sections;  // in the table's order, 96 at most
  // Where what a signature leaves out stands.
  std::size_t checksum = 0, certificate_entry = 0;
  std::uint32_t headers_size = 0, certificates_size = 0;
};

// ErrorKind::malformed for what is no PE32+ image or reaches beyond its end.
[[nodiscard]] Result<PeImage> parse_pe(ByteView image);

// "Windows Authenticode Portable Executable Signature Format", with SHA-256: what firmware extends PCR 4 by for each
// application that it loads, signed or not (TCG, PC Client Platform Firmware Profile).
[[nodiscard]] Result<base::Sha256> authenticode(ByteView image);

}  // namespace blindbox::measure::internal
