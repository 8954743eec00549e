// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/image.h"

namespace blindbox::image {
namespace {

using base::fail;

std::string oci_layer_type(Compression compression) {
  const std::string plain(kOciLayer);
  switch (compression) {
    case Compression::none: return plain;
    case Compression::gzip: return plain + "+gzip";
    case Compression::zstd: return plain + "+zstd";
  }
  return plain;
}

}  // namespace

Result<Image> make_image(std::string manifest_json, std::string config_json) {
  auto document = parse_document(base::view(manifest_json));
  if (!document) return base::pass_on(document);
  if (!document->manifest)
    return fail(ErrorKind::malformed, "the manifest is an index where that of one image belongs");
  Manifest manifest = std::move(*document->manifest);
  const Digest found = Digest::of(base::view(config_json));
  const bool same = manifest.config.digest.algorithm() == "sha256" ? found == manifest.config.digest : [&] {
    Hasher hasher(manifest.config.digest.algorithm());
    hasher.update(base::view(config_json));
    return hasher.finish() == manifest.config.digest;
  }();
  if (!same || config_json.size() != manifest.config.size) {
    return fail(ErrorKind::malformed, "the image's configuration is not the one that its manifest names",
                "it is " + found.text() + " with " + std::to_string(config_json.size()) + " bytes, the manifest says " +
                    manifest.config.digest.text() + " with " + std::to_string(manifest.config.size));
  }
  auto config = parse_config(base::view(config_json));
  if (!config) return base::pass_on(config);
  if (config->diff_ids.size() != manifest.layers.size()) {
    return fail(ErrorKind::malformed, "the image's manifest has " + std::to_string(manifest.layers.size()) +
                                          " layers, its configuration " + std::to_string(config->diff_ids.size()));
  }
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    auto compression = compression_of(manifest.layers[i].media_type);
    if (!compression) return base::pass_on(compression);
    layers.push_back({manifest.layers[i], config->diff_ids[i], *compression});
  }
  Digest digest = Digest::of(base::view(manifest_json));
  return Image{std::move(manifest_json),
               std::move(digest),
               std::move(manifest),
               std::move(config_json),
               std::move(*config),
               std::move(layers),
               {}};
}

Result<Image> assemble(std::string config_json, std::vector<Layer> layers, Annotations annotations) {
  Manifest manifest{std::string(kOciManifest),
                    {std::string(kOciConfig), Digest::of(base::view(config_json)), config_json.size()},
                    {},
                    std::move(annotations)};
  for (Layer& layer : layers) {
    layer.blob.media_type = oci_layer_type(layer.compression);
    manifest.layers.push_back(layer.blob);
  }
  auto image = make_image(write_manifest(manifest), std::move(config_json));
  if (!image) return image;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (image->layers[i].diff_id == layers[i].diff_id) continue;
    return fail(ErrorKind::internal, "the configuration of a new image lists other layers than it has",
                "layer " + std::to_string(i) + " is " + layers[i].diff_id.text() + ", listed is " +
                    image->layers[i].diff_id.text());
  }
  return image;
}

Result<Image> to_oci(const Image& image) {
  bool is_oci = image.manifest.media_type == kOciManifest && image.manifest.config.media_type == kOciConfig;
  Manifest manifest = image.manifest;
  manifest.media_type = kOciManifest;
  manifest.config.media_type = kOciConfig;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const std::string type = oci_layer_type(image.layers[i].compression);
    is_oci = is_oci && manifest.layers[i].media_type == type;
    manifest.layers[i].media_type = type;
  }
  if (is_oci) return image;
  auto converted = make_image(write_manifest(manifest), image.config_json);
  if (converted) converted->offered = image.offered;
  return converted;
}

}  // namespace blindbox::image
