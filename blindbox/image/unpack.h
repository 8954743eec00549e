// SPDX-License-Identifier: Apache-2.0
// An image's layers as one folder, the way an OCI runtime sees them (OCI image specification 1.1, "Image Layer
// Filesystem Changeset"). Nothing in a layer can name a place outside of the folder.
#pragma once

#include <cstdint>
#include <string>

#include "blindbox/image/transfer.h"

namespace blindbox::image {

enum class DeviceNodes { refuse, skip };

struct UnpackOptions {
  DeviceNodes device_nodes = DeviceNodes::refuse;
  // Of the layers all together.
  std::uint64_t max_bytes = std::uint64_t{64} << 30;
  std::uint64_t max_files = std::uint64_t{2} << 20;
  // A layer may decompress to this many times its size, or to free_bytes where that is more.
  std::uint64_t max_ratio = 200;
  std::uint64_t free_bytes = std::uint64_t{1} << 30;
  Progress progress{};
};

struct Unpacked {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t skipped_devices = 0;
};

// folder does not exist or is empty; it appears whole or not at all (a sibling is filled and renamed). As root owners,
// file capabilities and setuid bits are those of the layers; otherwise everything belongs to the caller. Each layer's
// digest, size and diff_id are checked. ErrorKind::malformed for names and links that leave the folder, damaged
// archives and lies; ErrorKind::limit past the caps; ErrorKind::io.
[[nodiscard]] Result<Unpacked> unpack(Source& source, const Image& image, const std::string& folder,
                                      const UnpackOptions& options = {});

}  // namespace blindbox::image
