// SPDX-License-Identifier: Apache-2.0
// What Azure's hosts make of a container image layer: the tar archive becomes a read-only ext4 image (hcsshim's
// "compact ext4", with OCI whiteouts turned into overlayfs's), and dm-verity's root hash of that image stands in the
// confidential policy. Computed without writing the image anywhere; docs/measure.md says how to check it by other means.
#pragma once

#include <functional>
#include <limits>
#include <string>

#include "blindbox/base/digest.h"
#include "blindbox/base/fd.h"

namespace blindbox::measure {

constexpr std::uint64_t kMaxImageSize = std::uint64_t{128} << 30;  // the hosts'

struct LayerOptions {
  // Of the image, in bytes, at most kMaxImageSize. What decompresses to more than twice that is refused too. Does not
  // enter the digests.
  std::uint64_t max_size = kMaxImageSize;
  // Called now and then while the image is hashed, with bytes.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

struct LayerMeasurement {
  base::Sha256 ext4_sha256{};
  std::uint64_t ext4_size = 0;  // bytes
  base::Sha256 root_hash{};     // SHA-256, 4096-byte blocks, hash type 1, a salt of 32 zero bytes
};

// A tar archive, plain or compressed with gzip or Zstandard; "-" is standard input, which is copied to a temporary file
// without a name, since two passes are made. Memory follows the number of files, not their sizes. ErrorKind::malformed
// for what the hosts refuse too, ErrorKind::limit past max_size or 8 Mi files, ErrorKind::io.
[[nodiscard]] Result<LayerMeasurement> measure_layer(const std::string& path, const LayerOptions& options = {});
// The same of a descriptor, from its position on, and no further than length bytes: a layer inside an archive of images
// ends there, whatever follows. name is for messages.
[[nodiscard]] Result<LayerMeasurement> measure_layer(base::Fd file, const std::string& name,
                                                     const LayerOptions& options = {},
                                                     std::uint64_t length = std::numeric_limits<std::uint64_t>::max());

}  // namespace blindbox::measure
