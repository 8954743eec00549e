// SPDX-License-Identifier: Apache-2.0
// SHA-2 by OpenSSL, as values.
#pragma once

#include "blindbox/base/bytes.h"

namespace blindbox::base {

using Sha256 = ByteArray<32>;
using Sha384 = ByteArray<48>;
using Sha512 = ByteArray<64>;

[[nodiscard]] Sha256 sha256(ByteView bytes);
[[nodiscard]] Sha384 sha384(ByteView bytes);
[[nodiscard]] Sha512 sha512(ByteView bytes);

// SHA-256 of a file's contents, read in pieces.
[[nodiscard]] Result<Sha256> sha256_file(const std::string& path);

}  // namespace blindbox::base
