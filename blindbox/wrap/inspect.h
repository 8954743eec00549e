// SPDX-License-Identifier: Apache-2.0
// What was wrapped and how, read back out of the added layer.
#pragma once

#include "blindbox/image/transfer.h"
#include "blindbox/specification/specification.h"

namespace blindbox::wrap {

struct Inspection {
  specification::Specification specification;
  base::Sha256 specification_sha256{};  // what the service manifest says of the isolation policy in force
  base::Sha256 init_sha256{};
  std::uint64_t init_size = 0;  // bytes
  std::string version;          // of the blindbox that built it
  std::string base_name;        // as it was given; empty where it had none
  std::string base_digest;
};

// Believes nothing but the layer itself, whose digest is checked: the labels are compared with it. ErrorKind::usage for
// an image that is not wrapped, ErrorKind::malformed for one that only looks so.
[[nodiscard]] Result<Inspection> inspect(image::Source& source, const image::Image& image);

}  // namespace blindbox::wrap
