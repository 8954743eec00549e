// SPDX-License-Identifier: Apache-2.0
#include "blindbox/wrap/inspect.h"

#include <algorithm>

#include "blindbox/archive/source.h"
#include "blindbox/archive/tar_reader.h"
#include "blindbox/wrap/wrap.h"

namespace blindbox::wrap {
namespace {

using base::fail;

constexpr std::size_t kLayerCap = std::size_t{32} << 20;

// Whoever pushes an image with another tool compresses its layers: it is still the layer, if it has the digest that the
// configuration names.
Result<Bytes> decompressed(const image::Blob& blob, archive::Compression compression) {
  const auto stream = archive::decompress(blob.read(), compression, kLayerCap);
  if (!stream) return fail(ErrorKind::internal, "no memory to decompress the last layer");
  Bytes bytes(kLayerCap);
  auto got = stream->read(bytes);
  if (!got) return base::pass_on(got);
  // A checksum stands behind the bytes, and more of them would be past the limit.
  if (auto rest = stream->skip(1); !rest) return base::pass_on(rest);
  bytes.resize(*got);
  return bytes;
}

// The whole layer as it is unpacked, whose digests are those that the manifest and the configuration name.
Result<Bytes> read_layer(image::Source& source, const image::Layer& layer) {
  if (layer.blob.size > kLayerCap) {
    return fail(ErrorKind::malformed, "the last layer is none that \"blindbox build\" adds",
                "it has " + std::to_string(layer.blob.size) + " bytes");
  }
  auto blob = source.blob(layer.blob, {});
  if (!blob) return base::pass_on(blob);
  Bytes bytes(layer.blob.size);
  const auto stream = blob->read();
  auto got = stream->read(bytes);
  if (!got) return base::pass_on(got);
  if (*got != bytes.size() || image::Digest::of(bytes) != layer.blob.digest) {
    return fail(ErrorKind::malformed, "the last layer has another digest than its manifest says");
  }
  const auto compression = archive::sniff(ByteView(bytes).first(std::min<std::size_t>(bytes.size(), 4)));
  if (compression != archive::Compression::none) {
    auto plain = decompressed(*blob, compression);
    if (!plain) return plain;
    bytes = *std::move(plain);
  }
  image::Hasher hasher(layer.diff_id.algorithm());
  hasher.update(bytes);
  if (hasher.finish() != layer.diff_id) {
    return fail(ErrorKind::malformed, "the last layer is another one than the image's configuration names");
  }
  return bytes;
}

// Name and contents of every file, which must be those of make_layer and nothing else: writing them again gives the
// same bytes.
struct Files {
  Bytes init;
  std::string specification;
};

Result<Files> read_files(ByteView layer) {
  auto blob = image::blob_of(layer);
  if (!blob) return base::pass_on(blob);
  const auto stream = blob->read();
  archive::TarReader reader(*stream);
  Files out;
  while (true) {
    auto entry = reader.next();
    if (!entry) return base::pass_on(entry);
    if (!*entry) break;
    const auto size = static_cast<std::uint64_t>((*entry)->size);
    if (size > layer.size()) return fail(ErrorKind::malformed, "the last layer lies about the size of a file");
    Bytes contents(size);
    auto got = reader.read(contents);
    if (!got) return base::pass_on(got);
    if ((*entry)->name == specification::kSpecificationPath.substr(1)) out.specification = base::as_text(contents);
    if ((*entry)->name == specification::kInitPath.substr(1)) out.init = std::move(contents);
  }
  const auto again = make_layer(out.init, out.specification);
  if (!again || !std::ranges::equal(base::view(*again), layer)) {
    return fail(ErrorKind::malformed, "the last layer holds something else than \"blindbox build\" adds");
  }
  return out;
}

std::string value_of(const image::Annotations& labels, std::string_view name) {
  const auto found = labels.find(std::string(name));
  return found == labels.end() ? std::string{} : found->second;
}

}  // namespace

Result<Inspection> inspect(image::Source& source, const image::Image& image) {
  Inspection out;
  out.version = value_of(image.config.labels, kVersionLabel);
  if (out.version.empty() || image.layers.empty()) {
    return fail(ErrorKind::usage, "the image was not made by \"blindbox build\"");
  }
  auto layer = read_layer(source, image.layers.back());
  if (!layer) return base::pass_on(layer);
  auto files = read_files(*layer);
  if (!files) return base::pass_on(files);
  auto specification = specification::decode(files->specification);
  if (!specification) return base::pass_on(specification);
  out.specification = *std::move(specification);
  out.specification_sha256 = base::sha256(base::view(files->specification));
  out.init_sha256 = base::sha256(files->init);
  out.init_size = files->init.size();
  if (value_of(image.config.labels, kSpecificationLabel) != base::to_hex(out.specification_sha256)) {
    return fail(ErrorKind::malformed, "the image's label names another specification than its layer holds");
  }
  if (image.config.entrypoint != std::vector<std::string>{std::string(specification::kInitPath)} ||
      !image.config.cmd.empty()) {
    return fail(ErrorKind::malformed, "the image starts something else than blindbox-init");
  }
  out.base_name = value_of(image.config.labels, "org.opencontainers.image.base.name");
  out.base_digest = value_of(image.config.labels, "org.opencontainers.image.base.digest");
  return out;
}

}  // namespace blindbox::wrap
