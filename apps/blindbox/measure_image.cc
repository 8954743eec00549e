// SPDX-License-Identifier: Apache-2.0
#include "measure_image.h"

#include <fcntl.h>
#include <unistd.h>

#include "blindbox/measure/container_policy.h"

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
  return measure::measure_layer(std::move(file), layer.blob.digest.text(), options);
}

// What blindbox-init needs and no more: it gives the application another user, a root and limits of its own. A user
// namespace in which user 0 is user 0 takes CAP_SETFCAP (Linux 5.12 on).
std::vector<std::string> capabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_KILL",   "CAP_NET_BIND_SERVICE",
          "CAP_SETFCAP", "CAP_SETGID",       "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"};
}

// It names no image: what counts are the layers, and HOST_DATA must not depend on what the image is called or where it lies.
std::string policy_of(const MeasuredImage& measured) {
  measure::PolicyContainer container;
  container.name = "blindbox";
  container.command = {std::string(specification::kInitPath)};
  container.environment = measure::platform_environment();
  for (const std::string& name : measured.inspection.specification.environment_passed) {
    container.environment.push_back({name + "=.*", "re2", false});
  }
  for (const measure::LayerMeasurement& layer : measured.layers) container.layers.push_back(layer.root_hash);
  container.mounts = {measure::resolver_mount()};
  container.capabilities = capabilities();
  container.user = {"0", "id"};
  measure::ContainerPolicy policy;
  policy.containers = {std::move(container), measure::pause_container()};
  // The host asks for Docker's default set; the guest's agent takes away what is not listed above.
  policy.allow_capability_dropping = true;
  return measure::write_rego(policy);
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
  out.policy = policy_of(out);
  out.host_data = base::sha256(base::view(out.policy));
  return out;
}

}  // namespace blindbox::apps
