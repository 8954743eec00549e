// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/layer_reader.h"

#include "blindbox/image/internal/blobs.h"

namespace blindbox::image::internal {

using base::fail;

Result<std::size_t> HashedSource::fill(std::span<std::byte> out) {
  auto got = from_->read(out);
  if (got) hasher_.update(out.first(*got));
  return got;
}

Result<LayerReader> LayerReader::open(const Layer& layer, const Blob& blob, std::uint64_t limit) {
  if (blob.size != layer.blob.size) {
    return tl::unexpected(lying(layer.blob, std::to_string(blob.size) + " bytes"));
  }
  ByteArray<4> magic{};
  if (auto got = blob.read()->read(magic); !got) return base::pass_on(got);
  LayerReader reader(layer);
  auto packed = std::make_unique<HashedSource>(blob.read(), layer.blob.digest.algorithm());
  reader.packed_ = packed.get();
  const Compression compression = archive::sniff(magic);
  if (compression == Compression::none && blob.size > limit) {
    return fail(ErrorKind::limit, "the layer has more than " + std::to_string(limit) + " bytes");
  }
  auto plain = archive::decompress(std::move(packed), compression, limit);
  if (!plain) return fail(ErrorKind::internal, "no memory to decompress a layer");
  reader.plain_ = std::make_unique<HashedSource>(std::move(plain), layer.diff_id.algorithm());
  return reader;
}

Result<void> LayerReader::finish() {
  Bytes rest(std::size_t{64} << 10);
  while (true) {
    const auto got = plain_->read(rest);
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) break;
  }
  if (const Digest found = packed_->finish(); found != layer_->blob.digest) {
    return tl::unexpected(lying(layer_->blob, found.text()));
  }
  if (const Digest found = plain_->finish(); found != layer_->diff_id) {
    return fail(ErrorKind::malformed, "a layer is not the one that the image's configuration names",
                "uncompressed it is " + found.text() + ", named is " + layer_->diff_id.text());
  }
  return {};
}

}  // namespace blindbox::image::internal
