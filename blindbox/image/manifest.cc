// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/fetch/json.h"

namespace blindbox::image {
namespace {

using base::fail;
using fetch::Json;

tl::unexpected<Error> bad(const std::string& why) {
  return fail(ErrorKind::malformed, "the manifest is not one of a container image: " + why);
}

Result<Annotations> read_annotations(const Json& object) {
  Annotations out;
  const auto found = object.find("annotations");
  if (found == object.end() || found->is_null()) return out;
  if (!found->is_object()) return bad("its annotations are no object");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) return bad("the annotation \"" + fetch::shown(key) + "\" is no text");
    out.emplace(key, value.get<std::string>());
  }
  return out;
}

Result<std::optional<Platform>> read_platform(const Json& object) {
  const auto found = object.find("platform");
  if (found == object.end() || found->is_null()) return std::optional<Platform>{};
  if (!found->is_object()) return bad("a platform is no object");
  Platform out{"", "", ""};
  for (const auto& [key, into] :
       {std::pair{"os", &out.os}, {"architecture", &out.architecture}, {"variant", &out.variant}}) {
    auto text = fetch::text_of(*found, key);
    if (!text) return base::pass_on(text);
    *into = std::move(*text);
  }
  return std::optional(std::move(out));
}

Result<Descriptor> read_descriptor(const Json& object, const std::string& what) {
  if (!object.is_object()) return bad(what + " is no object");
  auto media_type = fetch::text_of(object, "mediaType");
  if (!media_type) return base::pass_on(media_type);
  auto digest_text = fetch::text_of(object, "digest");
  if (!digest_text) return base::pass_on(digest_text);
  auto digest = Digest::parse(*digest_text);
  if (!digest) return base::pass_on(digest);
  const auto size = object.find("size");
  // More would not fit a file's offset.
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  if (size == object.end() || !size->is_number_unsigned() || size->get<std::uint64_t>() > kMost) {
    return bad(what + " has no size");
  }
  auto annotations = read_annotations(object);
  if (!annotations) return base::pass_on(annotations);
  auto platform = read_platform(object);
  if (!platform) return base::pass_on(platform);
  return Descriptor{std::move(*media_type), std::move(*digest), size->get<std::uint64_t>(), std::move(*annotations),
                    std::move(*platform)};
}

Result<std::vector<Descriptor>> read_list(const Json& list, std::size_t most, const std::string& what) {
  if (!list.is_array()) return bad("its " + what + "s are no list");
  if (list.size() > most) {
    return fail(ErrorKind::limit, "the manifest has " + std::to_string(list.size()) + " " + what + "s, more than " +
                                      std::to_string(most));
  }
  std::vector<Descriptor> out;
  for (const Json& entry : list) {
    auto descriptor = read_descriptor(entry, "a " + what);
    if (!descriptor) return base::pass_on(descriptor);
    out.push_back(std::move(*descriptor));
  }
  return out;
}

// An OCI document need not say its type; one that does must mean what its members say.
Result<std::string> read_type(const Json& object, std::string_view oci, std::string_view docker) {
  auto type = fetch::text_of(object, "mediaType");
  if (!type) return type;
  if (type->empty()) return std::string(oci);
  if (*type != oci && *type != docker) return bad("its media type is \"" + fetch::shown(*type) + "\"");
  return type;
}

Result<Manifest> read_manifest(const Json& object) {
  auto type = read_type(object, kOciManifest, kDockerManifest);
  if (!type) return base::pass_on(type);
  const auto named = object.find("config");
  if (named == object.end()) return bad("it names no configuration");
  auto config = read_descriptor(*named, "its configuration");
  if (!config) return base::pass_on(config);
  if (config->media_type != kOciConfig && config->media_type != kDockerConfig) {
    return bad("its configuration is of type \"" + fetch::shown(config->media_type) +
               "\"; charts, signatures and other artifacts cannot be run");
  }
  if (config->size > kConfigCap) {
    return fail(ErrorKind::limit, "the image's configuration has more than " + std::to_string(kConfigCap) + " bytes");
  }
  const auto found = object.find("layers");
  if (found == object.end()) return bad("it has no layers");
  auto layers = read_list(*found, kMostLayers, "layer");
  if (!layers) return base::pass_on(layers);
  for (const Descriptor& layer : *layers) {
    if (auto compression = compression_of(layer.media_type); !compression) return base::pass_on(compression);
  }
  auto annotations = read_annotations(object);
  if (!annotations) return base::pass_on(annotations);
  return Manifest{std::move(*type), std::move(*config), std::move(*layers), std::move(*annotations)};
}

Result<Index> read_index(const Json& object) {
  auto type = read_type(object, kOciIndex, kDockerList);
  if (!type) return base::pass_on(type);
  auto manifests = read_list(object["manifests"], kMostManifests, "manifest");
  if (!manifests) return base::pass_on(manifests);
  return Index{std::move(*type), std::move(*manifests)};
}

}  // namespace

std::string Platform::text() const { return os + "/" + architecture + (variant.empty() ? "" : "/" + variant); }

Result<Platform> parse_platform(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  const bool named = std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
    return !part.empty() && part.find_first_not_of(kAllowed) == std::string::npos;
  });
  if (!named || parts.size() < 2 || parts.size() > 3) {
    return fail(ErrorKind::usage, "not a platform: \"" + std::string(text) + "\"", "",
                "write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, for instance linux/amd64");
  }
  return Platform{parts[0], parts[1], parts.size() > 2 ? parts[2] : ""};
}

Result<Compression> compression_of(const std::string& media_type) {
  const std::string oci(kOciLayer), docker(kDockerLayer);
  if (media_type == oci || media_type == docker) return Compression::none;
  if (media_type == oci + "+gzip" || media_type == docker + ".gzip") return Compression::gzip;
  if (media_type == oci + "+zstd" || media_type == docker + ".zstd") return Compression::zstd;
  if (media_type.find("nondistributable") != std::string::npos || media_type.find(".foreign.") != std::string::npos) {
    return bad("a layer of type \"" + fetch::shown(media_type) + "\" may not be distributed, and is in no registry");
  }
  if (media_type.find("encrypted") != std::string::npos) {
    return bad("a layer of type \"" + fetch::shown(media_type) + "\" is encrypted; decrypt the image first");
  }
  return bad("a layer is of type \"" + fetch::shown(media_type) + "\"");
}

Result<Document> parse_document(ByteView bytes) {
  auto parsed = fetch::parse_json(bytes, kManifestCap, "the manifest");
  if (!parsed) return base::pass_on(parsed);
  const auto version = parsed->find("schemaVersion");
  if (version == parsed->end() || !version->is_number_integer() || version->get<std::int64_t>() != 2) {
    return bad("it is not of schema version 2; images of schema 1 must be pushed anew by a newer docker");
  }
  const bool is_index = parsed->contains("manifests");
  const bool is_manifest = parsed->contains("layers") || parsed->contains("config");
  // Two readers could take it for two things (CVE-2021-41190).
  if (is_index && (is_manifest || parsed->contains("fsLayers"))) return bad("it is both a manifest and an index");
  if (is_index) {
    auto index = read_index(*parsed);
    if (!index) return base::pass_on(index);
    return Document{.index = std::move(*index)};
  }
  if (!is_manifest) return bad("it has neither layers nor manifests");
  auto manifest = read_manifest(*parsed);
  if (!manifest) return base::pass_on(manifest);
  return Document{.manifest = std::move(*manifest)};
}

std::string write_manifest(const Manifest& manifest) {
  const auto descriptor = [](const Descriptor& from) {
    Json out{{"mediaType", from.media_type}, {"digest", from.digest.text()}, {"size", from.size}};
    if (!from.annotations.empty()) out["annotations"] = from.annotations;
    return out;
  };
  Json out{{"schemaVersion", 2}, {"mediaType", manifest.media_type}, {"config", descriptor(manifest.config)}};
  out["layers"] = Json::array();
  for (const Descriptor& layer : manifest.layers) out["layers"].push_back(descriptor(layer));
  if (!manifest.annotations.empty()) out["annotations"] = manifest.annotations;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace blindbox::image
