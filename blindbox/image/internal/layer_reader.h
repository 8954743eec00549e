// SPDX-License-Identifier: Apache-2.0
// A layer's tar archive off its blob, with both of its digests computed on the way.
#pragma once

#include "blindbox/archive/source.h"
#include "blindbox/image/transfer.h"

namespace blindbox::image::internal {

// Another source, and the digest of all that was read from it.
class HashedSource final : public archive::Source {
 public:
  HashedSource(std::unique_ptr<archive::Source> from, std::string_view algorithm)
      : from_(std::move(from)), hasher_(algorithm) {}
  [[nodiscard]] Digest finish() { return hasher_.finish(); }

 protected:
  Result<std::size_t> fill(std::span<std::byte> out) override;

 private:
  std::unique_ptr<archive::Source> from_;
  Hasher hasher_;
};

class LayerReader {
 public:
  // Compression is what the bytes say: registries have layers whose media type is wrong. More than limit bytes
  // uncompressed are ErrorKind::limit. blob and layer outlive the reader.
  [[nodiscard]] static Result<LayerReader> open(const Layer& layer, const Blob& blob, std::uint64_t limit);

  [[nodiscard]] archive::Source& tar() { return *plain_; }
  // Reads to the end. ErrorKind::malformed where either digest is not the one that the image names.
  [[nodiscard]] Result<void> finish();

 private:
  explicit LayerReader(const Layer& layer) : layer_(&layer) {}
  const Layer* layer_;
  HashedSource* packed_ = nullptr;  // owned by plain_
  std::unique_ptr<HashedSource> plain_;
};

}  // namespace blindbox::image::internal
