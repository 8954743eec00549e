// SPDX-License-Identifier: Apache-2.0
#include "measure_image.h"

#include <fcntl.h>
#include <unistd.h>

namespace blindbox::apps {
namespace {

// What the source holds is believed only once its digest was computed.
Result<void> check_digest(const image::Blob& blob, const image::Descriptor& descriptor) {
  image::Hasher hasher(descriptor.digest.algorithm());
  Bytes piece(std::size_t{1} << 20);
  const auto stream = blob.read();
  while (true) {
    auto got = stream->read(piece);
    if (!got) return base::pass_on(got);
    if (*got == 0) break;
    hasher.update(ByteView(piece).first(*got));
  }
  if (const auto found = hasher.finish(); found != descriptor.digest) {
    return base::fail(ErrorKind::malformed, "a layer has another digest than its manifest says",
                      "found " + found.text() + ", the manifest says " + descriptor.digest.text());
  }
  return {};
}

Result<measure::LayerMeasurement> measure_blob(image::Source& source, const image::Layer& layer,
                                               const measure::LayerOptions& options) {
  auto blob = source.blob(layer.blob, {});
  if (!blob) return base::pass_on(blob);
  if (auto checked = check_digest(*blob, layer.blob); !checked) return base::pass_on(checked);
  // Opened anew: a duplicate would share its position with the source.
  base::Fd file(::open(("/proc/self/fd/" + std::to_string(blob->file->get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::lseek(file.get(), static_cast<off_t>(blob->begin), SEEK_SET) < 0) {
    return base::fail(ErrorKind::io, "cannot open the layer " + layer.blob.digest.text() + " again");
  }
  return measure::measure_layer(std::move(file), layer.blob.digest.text(), options, blob->size);
}

}  // namespace

Result<MeasuredImage> measure_image(const std::string& tag, const ImageOptions& options,
                                    const measure::LayerOptions& layer_options) {
  auto reference = tag_reference(tag);
  if (!reference) return base::pass_on(reference);
  auto source = image::open_source(*reference, access(options));
  if (!source) return base::pass_on(source);
  auto image = image::read_image(**source);
  if (!image) return base::pass_on(image);
  if (auto wrapped = check_wrapped(*image, tag); !wrapped) return base::pass_on(wrapped);
  auto inspection = wrap::inspect(**source, *image);
  if (!inspection) return base::pass_on(inspection);
  MeasuredImage out{*std::move(image), *std::move(inspection), {}, {}, {}};
  for (const image::Layer& layer : out.image.layers) {
    auto measured = measure_blob(**source, layer, layer_options);
    if (!measured) return base::pass_on(measured);
    out.layers.push_back(*measured);
  }
  out.policy = container_policy(out, deploy::Group::container_instances);
  out.host_data = base::sha256(base::view(out.policy));
  return out;
}

std::string container_policy(const MeasuredImage& measured, deploy::Group group) {
  std::vector<base::Sha256> layers;
  for (const measure::LayerMeasurement& layer : measured.layers) layers.push_back(layer.root_hash);
  return measure::write_rego(deploy::container_policy(measured.inspection.specification, layers, group));
}

}  // namespace blindbox::apps
