// SPDX-License-Identifier: Apache-2.0
// Images out of what "docker save" wrote: an OCI layout with a manifest.json beside it (docker since 25), or
// manifest.json, configurations and layers alone (docker before, skopeo, podman), for which a manifest is made here.
#include <algorithm>

#include "blindbox/fetch/json.h"
#include "blindbox/image/internal/archive_index.h"
#include "blindbox/image/internal/blobs.h"
#include "blindbox/image/internal/ends.h"

namespace blindbox::image::internal {

using fetch::Json;
using fetch::parse_json;
using fetch::shown;
using fetch::text_of;

namespace {

using base::fail;

std::string in_full(const std::string& tag) {
  const auto reference = parse_reference(tag);
  return reference && reference->transport == Transport::registry ? reference->full_name() : tag;
}

// One image of manifest.json.
struct Saved {
  std::string config;
  std::vector<std::string> tags{};
  std::vector<std::string> layers{};
};

Result<std::vector<std::string>> texts(const Json& object, const char* key, std::size_t most) {
  std::vector<std::string> out;
  const auto list = object.find(key);
  if (list == object.end() || list->is_null()) return out;
  if (!list->is_array() || list->size() > most) {
    return fail(ErrorKind::malformed, std::string("\"") + key + "\" of manifest.json is no list, or too long");
  }
  for (const Json& entry : *list) {
    if (!entry.is_string()) return fail(ErrorKind::malformed, "manifest.json lists what is no text");
    out.push_back(entry.get<std::string>());
  }
  return out;
}

Result<std::vector<Saved>> parse_saved(const std::string& text) {
  // A list, where our reader wants an object.
  auto parsed = parse_json(base::view("{\"images\":" + text + "}"), kManifestCap, "manifest.json");
  if (!parsed) return base::pass_on(parsed);
  const Json& list = (*parsed)["images"];
  if (parsed->size() != 1 || !list.is_array()) return fail(ErrorKind::malformed, "manifest.json is no list");
  std::vector<Saved> out;
  for (const Json& entry : list) {
    if (!entry.is_object()) return fail(ErrorKind::malformed, "manifest.json lists what is no image");
    auto config = text_of(entry, "Config");
    if (!config) return base::pass_on(config);
    auto tags = texts(entry, "RepoTags", kMostManifests);
    if (!tags) return base::pass_on(tags);
    auto layers = texts(entry, "Layers", kMostLayers);
    if (!layers) return base::pass_on(layers);
    out.push_back({std::move(*config), std::move(*tags), std::move(*layers)});
  }
  return out;
}

class SavedSource final : public Source {
 public:
  SavedSource(ArchiveIndex index, std::string where, std::string name)
      : index_(std::move(index)), where_(std::move(where)), name_(std::move(name)) {}

  Result<std::string> manifest(const std::optional<Digest>& digest) override {
    if (manifest_.empty()) {
      if (auto made = make(); !made) return base::pass_on(made);
    }
    if (digest && *digest != Digest::of(base::view(manifest_))) {
      return fail(ErrorKind::malformed, where_ + " has no manifest " + digest->text());
    }
    return manifest_;
  }

  Result<Blob> blob(const Descriptor& descriptor, const Progress&) override {
    const auto found = blobs_.find(descriptor.digest);
    if (found == blobs_.end()) return fail(ErrorKind::malformed, where_ + " has no blob " + descriptor.digest.text());
    return found->second;
  }

 private:
  Result<Saved> choose() {
    auto file = index_.find("manifest.json");
    if (!file) return fail(ErrorKind::malformed, where_ + " is no archive of images", file.error().what);
    auto text = read_blob(*file, kManifestCap, "manifest.json");
    if (!text) return base::pass_on(text);
    auto saved = parse_saved(*text);
    if (!saved) return base::pass_on(saved);
    std::string names;
    for (Saved& image : *saved) {
      for (const std::string& tag : image.tags) {
        if (in_full(tag) == name_) return std::move(image);
        if (names.size() < 1000) names += (names.empty() ? "" : ", ") + shown(tag);
      }
    }
    if (saved->size() == 1 && name_.empty()) return std::move(saved->front());
    const std::string what = name_.empty() ? "there is not exactly one image in " + where_ + ", and none was named"
                                           : "there is no image \"" + name_ + "\" in " + where_;
    return fail(ErrorKind::usage, what, names.empty() ? "" : "there are: " + names);
  }

  Result<void> make() {
    auto saved = choose();
    if (!saved) return base::pass_on(saved);
    auto file = index_.find(saved->config);
    if (!file) return base::pass_on(file);
    auto text = read_blob(*file, kConfigCap, "the image's configuration");
    if (!text) return base::pass_on(text);
    auto config = parse_config(base::view(*text));
    if (!config) return base::pass_on(config);
    if (config->diff_ids.size() != saved->layers.size()) {
      return fail(ErrorKind::malformed, "the image in " + where_ + " has " + std::to_string(saved->layers.size()) +
                                            " layers, its configuration " + std::to_string(config->diff_ids.size()));
    }
    std::vector<Layer> layers;
    for (std::size_t i = 0; i < saved->layers.size(); ++i) {
      auto layer = read_layer(saved->layers[i], config->diff_ids[i]);
      if (!layer) return base::pass_on(layer);
      layers.push_back(std::move(*layer));
    }
    blobs_.insert_or_assign(Digest::of(base::view(*text)), *file);
    auto image = assemble(std::move(*text), std::move(layers));
    if (!image) return base::pass_on(image);
    manifest_ = std::move(image->manifest_json);
    return {};
  }

  // Old archives hold layers as they are, some writers' compressed ones.
  Result<Layer> read_layer(const std::string& name, const Digest& diff_id) {
    auto blob = index_.find(name);
    if (!blob) return base::pass_on(blob);
    const auto source = blob->read();
    Bytes piece(std::size_t{256} << 10);
    Hasher hasher;
    auto compression = Compression::none;
    for (bool first = true;; first = false) {
      const auto got = source->read(piece);
      if (!got) return tl::unexpected(got.error());
      if (*got == 0) break;
      if (first) compression = archive::sniff(ByteView(piece).first(std::min<std::size_t>(*got, 4)));
      hasher.update(ByteView(piece).first(*got));
    }
    const Digest digest = hasher.finish();
    if (compression == Compression::none && diff_id.algorithm() == "sha256" && digest != diff_id) {
      return fail(ErrorKind::malformed, "a layer in " + where_ + " is not the one that its image's configuration names",
                  shown(name) + " is " + digest.text() + ", named is " + diff_id.text());
    }
    blobs_.insert_or_assign(digest, *blob);
    return Layer{{"", digest, blob->size}, diff_id, compression};
  }

  ArchiveIndex index_;
  std::string where_;
  std::string name_;
  std::string manifest_;
  std::map<Digest, Blob> blobs_;
};

// The two annotations that docker writes hold the whole name and the tag; podman's and ours the whole name in either.
std::vector<std::string> name_annotations() { return {"io.containerd.image.name", std::string(kRefName)}; }

}  // namespace

Result<std::unique_ptr<Source>> open_archive_source(const Reference& reference) {
  auto index = ArchiveIndex::open(reference.path);
  if (!index) return base::pass_on(index);
  const std::string where = reference.path == "-" ? "standard input" : reference.path;
  if (!index->contains("oci-layout") || !index->contains("index.json")) {
    return std::make_unique<SavedSource>(std::move(*index), where, reference.name);
  }
  const auto shared = std::make_shared<const ArchiveIndex>(std::move(*index));
  return make_layout_source([shared](const std::string& path) { return shared->find(path); }, where, reference.name,
                            name_annotations());
}

}  // namespace blindbox::image::internal
