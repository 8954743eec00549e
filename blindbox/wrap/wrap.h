// SPDX-License-Identifier: Apache-2.0
// One layer more: blindbox-init and the specification that it obeys. What the image's configuration said about its
// process moves into that specification, and blindbox-init becomes the entrypoint.
#pragma once

#include <string>
#include <vector>

#include "blindbox/image/image.h"
#include "blindbox/specification/specification.h"

namespace blindbox::wrap {

// Labels of a wrapped image; those that OCI defines for a base are set as annotations and labels too.
inline constexpr std::string_view kVersionLabel = "io.blindbox.version";
inline constexpr std::string_view kSpecificationLabel = "io.blindbox.specification.sha256";

struct Wrapped {
  image::Image image;
  std::string layer;  // the tar archive of image.layers.back()
  specification::Specification specification;
  // What the image asked for and does not get, a sentence each, for the person who builds.
  std::vector<std::string> notes;
};

// settings: as parse_yaml gave it; its port 0 means the only TCP port that the image exposes, else 80. init: the program.
// base_name goes into the annotations; empty where it has none. ErrorKind::usage for an image that is wrapped already, is of another platform than
// init, or has no command; where it exposes several ports and settings names none; ErrorKind::malformed for a
// configuration that cannot be carried over, and where init is no static program.
[[nodiscard]] Result<Wrapped> wrap(const image::Image& original, const std::string& base_name,
                                   const specification::Specification& settings, ByteView init,
                                   const std::string& version);

// Which machine a static ELF program is for, as images name it: "amd64", "arm64". ErrorKind::malformed for what is no
// program, and for one that needs a loader: in a wrapped image it would run the image's.
[[nodiscard]] Result<std::string> architecture_of(ByteView program);

// The tar archive: folder, program and specification, of root, without times.
[[nodiscard]] Result<std::string> make_layer(ByteView init, std::string_view specification_json);

}  // namespace blindbox::wrap
