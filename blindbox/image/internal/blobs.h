// SPDX-License-Identifier: Apache-2.0
// What all sources and targets do with the bytes of blobs.
#pragma once

#include <string>

#include "blindbox/image/transfer.h"

namespace blindbox::image::internal {

// A regular file; anything else is ErrorKind::malformed, since nobody puts a pipe where a blob belongs in good faith.
[[nodiscard]] Result<Blob> open_blob(const std::string& path);

// All of it. More than cap bytes are ErrorKind::limit; what is how messages begin.
[[nodiscard]] Result<std::string> read_blob(const Blob& blob, std::size_t cap, const std::string& what);

// ErrorKind::malformed where bytes are not those of the digest.
[[nodiscard]] Result<void> check_digest(ByteView bytes, const Digest& digest, const std::string& what);
[[nodiscard]] Error lying(const Descriptor& descriptor, const std::string& found);

using Write = std::function<Result<void>(ByteView)>;
// Hands the blob to write piece by piece; at the end its size and digest were those of the descriptor, or it is
// ErrorKind::malformed, and what was written must not be used.
[[nodiscard]] Result<void> checked_copy(const Descriptor& descriptor, const Blob& blob, const Write& write,
                                        const Progress& progress);

// The same, and in its detail which of the image's layers it was: "layer 2 of 5, sha256:...".
[[nodiscard]] Error in_layer(Error error, const Image& image, const Layer& layer);

void tell(const Progress& progress, const Descriptor& descriptor, Transfer::Stage stage, std::uint64_t done);

// A folder and its parents, for the user alone where they are new.
[[nodiscard]] Result<void> make_folders(const std::string& folder, unsigned mode);

}  // namespace blindbox::image::internal
