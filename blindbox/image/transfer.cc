// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/transfer.h"

#include <algorithm>
#include <cstdlib>

#include "blindbox/archive/file.h"
#include "blindbox/fetch/json.h"
#include "blindbox/image/internal/blobs.h"
#include "blindbox/image/internal/ends.h"

namespace blindbox::image {
namespace {

using base::fail;

std::string list(const std::vector<Platform>& platforms) {
  std::string out;
  for (const Platform& platform : platforms) out += (out.empty() ? "" : ", ") + fetch::shown(platform.text());
  return out;
}

// What was asked for without a variant takes any; "unknown" is what builders call statements about an image.
bool fits(const Platform& there, const Platform& wanted) {
  return there.os == wanted.os && there.architecture == wanted.architecture &&
         (wanted.variant.empty() || there.variant == wanted.variant);
}

Result<Digest> choose(const Index& index, const Platform& wanted, std::vector<Platform>& offered) {
  const Descriptor* found = nullptr;
  for (const Descriptor& entry : index.manifests) {
    if (!entry.platform || entry.platform->os == "unknown") continue;
    offered.push_back(*entry.platform);
    if (found == nullptr && fits(*entry.platform, wanted)) found = &entry;
  }
  if (found == nullptr && index.manifests.size() == 1) found = &index.manifests.front();
  if (found != nullptr) return found->digest;
  return fail(ErrorKind::usage, "the image is not there for " + wanted.text(),
              offered.empty() ? "its index names no platform" : "it is there for " + list(offered),
              "choose one: --image-platform of \"build\", --platform of \"image\"");
}

}  // namespace

std::unique_ptr<archive::Source> Blob::read() const {
  return archive::make_file_source(file->get(), begin, begin + size, "a blob");
}

Result<Blob> blob_of(ByteView bytes) {
  auto file = archive::temporary_file();
  if (!file) return base::pass_on(file);
  if (auto written = archive::write_all(file->get(), bytes); !written) return base::pass_on(written);
  return Blob{std::make_shared<const base::Fd>(std::move(*file)), 0, bytes.size()};
}

Result<Blob> blob_of_file(const std::string& path) { return internal::open_blob(path); }

std::string default_download_folder() {
  const auto absolute = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value != nullptr && value[0] == '/' ? value : "";
  };
  if (const std::string cache = absolute("XDG_CACHE_HOME"); !cache.empty()) return cache + "/blindbox/downloads";
  if (const std::string home = absolute("HOME"); !home.empty()) return home + "/.cache/blindbox/downloads";
  return "";
}

Result<std::unique_ptr<Source>> open_source(const Reference& reference, const Access& access) {
  switch (reference.transport) {
    case Transport::oci_layout: return internal::open_layout_source(reference);
    case Transport::docker_archive: return internal::open_archive_source(reference);
    case Transport::registry: break;
  }
  return internal::open_registry_source(reference, access);
}

Result<std::unique_ptr<Target>> open_target(const Reference& reference, const Access& access) {
  switch (reference.transport) {
    case Transport::oci_layout: return internal::open_layout_target(reference);
    case Transport::docker_archive: return internal::open_archive_target(reference);
    case Transport::registry: break;
  }
  return internal::open_registry_target(reference, access);
}

Result<Image> read_image(Source& source, const std::optional<Platform>& wanted) {
  // An index may name an index, for instance in a layout; more than that is nobody's habit.
  constexpr int kMostIndexes = 3;
  std::optional<Digest> digest;
  std::vector<Platform> offered;
  for (int depth = 0; depth <= kMostIndexes; ++depth) {
    auto text = source.manifest(digest);
    if (!text) return base::pass_on(text);
    auto document = parse_document(base::view(*text));
    if (!document) return base::pass_on(document);
    if (document->index) {
      offered.clear();
      auto chosen = choose(*document->index, wanted.value_or(Platform{}), offered);
      if (!chosen) return base::pass_on(chosen);
      digest = std::move(*chosen);
      continue;
    }
    auto config = source.blob(document->manifest->config, {});
    if (!config) return base::pass_on(config);
    auto config_json = internal::read_blob(*config, kConfigCap, "the image's configuration");
    if (!config_json) return base::pass_on(config_json);
    auto image = make_image(std::move(*text), std::move(*config_json));
    if (!image) return image;
    image->offered = std::move(offered);
    if (wanted && !fits(image->config.platform, *wanted)) {
      return fail(ErrorKind::usage, "the image is not there for " + wanted->text(),
                  "it is for " + fetch::shown(image->config.platform.text()));
    }
    return image;
  }
  return fail(ErrorKind::malformed, "the image's index names an index that names an index, and so on");
}

Result<Image> copy(Source& source, Target& target, const Image& image, const Progress& progress) {
  const auto transfer = [&](const Descriptor& descriptor) -> Result<void> {
    auto there = target.has(descriptor);
    if (!there) return base::pass_on(there);
    if (*there) {
      internal::tell(progress, descriptor, Transfer::Stage::skipped, descriptor.size);
      return {};
    }
    auto blob = source.blob(descriptor, progress);
    if (!blob) return base::pass_on(blob);
    return target.put(descriptor, *blob, progress);
  };
  for (const Layer& layer : image.layers) {
    if (auto done = transfer(layer.blob); !done) {
      return tl::unexpected(internal::in_layer(std::move(done.error()), image, layer));
    }
  }
  // Its bytes were checked when the image was put together, wherever they came from.
  const Descriptor& config = image.manifest.config;
  auto there = target.has(config);
  if (!there) return base::pass_on(there);
  if (!*there) {
    auto blob = blob_of(base::view(image.config_json));
    if (!blob) return base::pass_on(blob);
    if (auto done = target.put(config, *blob, {}); !done) return base::pass_on(done);
  }
  return target.finish(image);
}

Result<Blob> Overlay::blob(const Descriptor& descriptor, const Progress& progress) {
  if (const auto found = blobs_.find(descriptor.digest); found != blobs_.end()) return found->second;
  return below_.blob(descriptor, progress);
}

}  // namespace blindbox::image
