// SPDX-License-Identifier: Apache-2.0
// Images out of an OCI layout (OCI image specification 1.1, "Image Layout"), in a folder or inside of an archive.
#include <algorithm>

#include "blindbox/fetch/json.h"
#include "blindbox/image/internal/blobs.h"
#include "blindbox/image/internal/ends.h"

namespace blindbox::image::internal {

using fetch::Json;
using fetch::parse_json;
using fetch::shown;
using fetch::text_of;

namespace {

using base::fail;

std::string path_of(const Digest& digest) {
  return "blobs/" + std::string(digest.algorithm()) + "/" + std::string(digest.hex());
}

class LayoutSource final : public Source {
 public:
  LayoutSource(OpenFile open, std::string where, std::string name, std::vector<std::string> names)
      : open_(std::move(open)), where_(std::move(where)), name_(std::move(name)), names_(std::move(names)) {}

  Result<void> check_version() {
    auto file = open_("oci-layout");
    if (!file) return fail(ErrorKind::malformed, where_ + " is no OCI layout", file.error().what);
    auto text = read_blob(*file, 4096, "oci-layout");
    if (!text) return base::pass_on(text);
    auto parsed = parse_json(base::view(*text), 4096, "oci-layout");
    if (!parsed) return base::pass_on(parsed);
    auto version = text_of(*parsed, "imageLayoutVersion");
    if (!version) return base::pass_on(version);
    if (!version->starts_with("1.")) {
      return fail(ErrorKind::malformed, where_ + " is an OCI layout of version \"" + shown(*version) + "\", not 1.0.0");
    }
    return {};
  }

  Result<std::string> manifest(const std::optional<Digest>& digest) override {
    if (digest) return by_digest(*digest);
    auto file = open_("index.json");
    if (!file) return base::pass_on(file);
    auto text = read_blob(*file, kManifestCap, "index.json");
    if (!text) return text;
    auto index = parse_json(base::view(*text), kManifestCap, "index.json");
    if (!index) return base::pass_on(index);
    auto document = parse_document(base::view(*text));
    if (!document) return base::pass_on(document);
    if (!document->index) return fail(ErrorKind::malformed, "the index.json of " + where_ + " is no index");
    const auto chosen = choose(document->index->manifests);
    if (!chosen) return tl::unexpected(chosen.error());
    if (chosen->size() == 1) return by_digest(document->index->manifests[chosen->front()].digest);
    // One name, several platforms: an index of its own.
    Json several{{"schemaVersion", 2}, {"mediaType", kOciIndex}, {"manifests", Json::array()}};
    for (const std::size_t i : *chosen) several["manifests"].push_back((*index)["manifests"][i]);
    return several.dump();
  }

  Result<Blob> blob(const Descriptor& descriptor, const Progress&) override {
    auto file = open_(path_of(descriptor.digest));
    if (file && file->size != descriptor.size) {
      return tl::unexpected(lying(descriptor, std::to_string(file->size) + " bytes"));
    }
    return file;
  }

 private:
  Result<std::string> by_digest(const Digest& digest) {
    auto file = open_(path_of(digest));
    if (!file) return base::pass_on(file);
    auto text = read_blob(*file, kManifestCap, "the manifest");
    if (!text) return text;
    if (auto checked = check_digest(base::view(*text), digest, "the manifest"); !checked) return base::pass_on(checked);
    return text;
  }

  [[nodiscard]] std::string name_of(const Descriptor& entry) const {
    for (const std::string& key : names_) {
      if (const auto found = entry.annotations.find(key); found != entry.annotations.end()) return found->second;
    }
    return "";
  }

  [[nodiscard]] Result<std::vector<std::size_t>> choose(const std::vector<Descriptor>& entries) const {
    std::vector<std::size_t> out;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::string name = name_of(entries[i]);
      if (name_.empty() || name == name_) out.push_back(i);
      if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    if (out.size() == 1 || (!out.empty() && !name_.empty())) return out;
    const auto all = [&](const auto& holds) {
      return name_.empty() && !entries.empty() && std::all_of(entries.begin(), entries.end(), holds);
    };
    // One image by several names, as "docker save NAME:1 NAME:2" writes it.
    if (all([&](const Descriptor& entry) { return entry.digest == entries.front().digest; })) {
      out.resize(1);
      return out;
    }
    // No names and a platform each: index.json itself is the image's index.
    if (names.empty() && all([](const Descriptor& entry) { return entry.platform.has_value(); })) return out;
    std::string list;
    for (const std::string& name : names) {
      if (list.size() < 1000) list += (list.empty() ? "" : ", ") + shown(name);
    }
    const std::string what = entries.empty() ? "there is no image in " + where_
                             : name_.empty() ? "there are several images in " + where_ + ", and none was named"
                                             : "there is no image \"" + name_ + "\" in " + where_;
    return fail(ErrorKind::usage, what, list.empty() ? "" : "there are: " + list);
  }

  OpenFile open_;
  std::string where_;
  std::string name_;
  std::vector<std::string> names_;
};

}  // namespace

Result<std::unique_ptr<Source>> make_layout_source(OpenFile open, std::string where, std::string name,
                                                   std::vector<std::string> names) {
  auto source = std::make_unique<LayoutSource>(std::move(open), std::move(where), std::move(name), std::move(names));
  if (auto checked = source->check_version(); !checked) return base::pass_on(checked);
  return source;
}

Result<std::unique_ptr<Source>> open_layout_source(const Reference& reference) {
  const std::string folder = reference.path;
  return make_layout_source([folder](const std::string& path) { return open_blob(folder + "/" + path); }, folder,
                            reference.name, {std::string(kRefName)});
}

}  // namespace blindbox::image::internal
