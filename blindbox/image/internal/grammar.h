// SPDX-License-Identifier: Apache-2.0
// The words that references are made of (OCI distribution specification 1.1, "Pulling manifests"; OCI image
// specification 1.1, "Annotations", org.opencontainers.image.ref.name).
#pragma once

#include <string_view>

namespace blindbox::image::internal {

// "library/busybox": lower case, at most 255 characters.
[[nodiscard]] bool is_repository(std::string_view text);
// At most 128 characters.
[[nodiscard]] bool is_tag(std::string_view text);
// "host", "host:5000", "127.0.0.1:5000", "[::1]:5000".
[[nodiscard]] bool is_host(std::string_view text);
// What an image in a layout may be called: the specification's characters, in any order that keeps apart what is
// between slashes. Every full name is one.
[[nodiscard]] bool is_ref_name(std::string_view text);

}  // namespace blindbox::image::internal
