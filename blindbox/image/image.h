// SPDX-License-Identifier: Apache-2.0
// One image of one platform: what its manifest and configuration say, checked against each other. The contents of its
// layers stay where they are (transfer.h).
#pragma once

#include <string>
#include <vector>

#include "blindbox/image/manifest.h"

namespace blindbox::image {

struct Layer {
  Descriptor blob;
  Digest diff_id;
  Compression compression = Compression::none;
};

struct Image {
  std::string manifest_json;  // the bytes that digest is of
  Digest digest;
  Manifest manifest;
  std::string config_json;  // the bytes that manifest.config.digest is of
  Config config;
  std::vector<Layer> layers;  // bottom first
  // The platforms of the index that this image was chosen from; empty where there was no index.
  std::vector<Platform> offered{};
};

// Puts together what was read. ErrorKind::malformed where the configuration has another digest, size or number of
// layers than the manifest says.
[[nodiscard]] Result<Image> make_image(std::string manifest_json, std::string config_json);

// A new image: an OCI manifest over this configuration (which must list the layers' diff_ids) and these layers.
[[nodiscard]] Result<Image> assemble(std::string config_json, std::vector<Layer> layers, Annotations annotations = {});

// The same image under OCI's media types; itself where it has them already. Layers and configuration keep their
// digests.
[[nodiscard]] Result<Image> to_oci(const Image& image);

}  // namespace blindbox::image
