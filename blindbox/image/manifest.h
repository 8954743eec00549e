// SPDX-License-Identifier: Apache-2.0
// Manifests, indexes and configurations of images as values: OCI image specification 1.1 and Docker's "Image Manifest
// Version 2, Schema 2". Parsing is strict: what two readers could take for two images is refused.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/archive/source.h"
#include "blindbox/image/digest.h"

namespace blindbox::image {

inline constexpr std::size_t kManifestCap = std::size_t{4} << 20;  // bytes, the distribution specification's
inline constexpr std::size_t kConfigCap = std::size_t{8} << 20;
inline constexpr std::size_t kMostLayers = 512;
inline constexpr std::size_t kMostManifests = 1024;  // of an index

inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";  // and "+gzip", "+zstd"
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayer =
    "application/vnd.docker.image.rootfs.diff.tar";  // and ".gzip", ".zstd"
inline constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";

using Annotations = std::map<std::string, std::string>;

struct Platform {
  std::string os = "linux";
  std::string architecture = "amd64";
  std::string variant{};
  [[nodiscard]] std::string text() const;  // "linux/arm64/v8"
  bool operator==(const Platform&) const = default;
};
// "OS/ARCHITECTURE[/VARIANT]". ErrorKind::usage otherwise.
[[nodiscard]] Result<Platform> parse_platform(std::string_view text);

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;  // bytes
  Annotations annotations{};
  std::optional<Platform> platform{};  // in an index
};

struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;  // bottom first
  Annotations annotations{};
};

struct Index {
  std::string media_type;
  std::vector<Descriptor> manifests;
};

using archive::Compression;
// Of a layer's media type. ErrorKind::malformed, naming it, for layers that may not be distributed ("foreign"),
// encrypted ones and everything that is no layer.
[[nodiscard]] Result<Compression> compression_of(const std::string& media_type);

// One of both. Either is ErrorKind::malformed where it is no JSON, has a key twice, is of schema 1, both manifest and
// index, of a media type that contradicts it or refers to no container image; ErrorKind::limit past the caps above.
struct Document {
  std::optional<Manifest> manifest{};
  std::optional<Index> index{};
};
[[nodiscard]] Result<Document> parse_document(ByteView bytes);

// How a container of the image is started, and what its layers are.
struct Config {
  Platform platform;
  std::vector<Digest> diff_ids;  // of the layers uncompressed, bottom first
  std::vector<std::string> entrypoint{};
  std::vector<std::string> cmd{};
  std::vector<std::string> env{};  // "NAME=value"
  std::string user{};
  std::string working_dir{};
  std::string stop_signal{};
  std::vector<std::string> exposed_ports{};  // "8080/tcp"
  std::vector<std::string> volumes{};
  Annotations labels{};
};
[[nodiscard]] Result<Config> parse_config(ByteView bytes);

// {"a": "b"} with keys in order and no blanks: the same bytes from the same manifest. Media types, annotations and all
// else are as given.
[[nodiscard]] std::string write_manifest(const Manifest& manifest);

}  // namespace blindbox::image
