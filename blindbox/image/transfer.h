// SPDX-License-Identifier: Apache-2.0
// Where images come from and where they go: registries, OCI layouts and "docker save" archives behind two small
// interfaces. Calls block; one at a time for each object.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "blindbox/archive/source.h"
#include "blindbox/base/fd.h"
#include "blindbox/fetch/web.h"
#include "blindbox/image/image.h"
#include "blindbox/image/reference.h"

namespace blindbox::image {

// The bytes of a blob in a file: the whole file, or a part of an archive.
struct Blob {
  std::shared_ptr<const base::Fd> file;
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  // From the beginning; the source must not outlive the blob.
  [[nodiscard]] std::unique_ptr<archive::Source> read() const;
};
// A blob in a file without a name that holds these bytes.
[[nodiscard]] Result<Blob> blob_of(ByteView bytes);
// Of a file on disk.
[[nodiscard]] Result<Blob> blob_of_file(const std::string& path);

struct Transfer {
  enum class Stage { fetching, storing, skipped };
  const Descriptor& blob;
  Stage stage;
  std::uint64_t done = 0;  // bytes, of blob.size
};
using Progress = std::function<void(const Transfer&)>;

using fetch::NetworkLimits;
// How the network and the user's credentials are used.
struct Access : fetch::Reach {
  // Plain HTTP, to loopback addresses alone. Everything else is TLS with the system's trust store.
  bool plain_http_on_loopback = false;
  // Where downloads that broke off are kept to be resumed; empty: nowhere. default_download_folder() is the user's.
  std::string download_folder{};
};
[[nodiscard]] std::string default_download_folder();

class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // The manifest or index that the reference names, or the one of that digest; its digest checked.
  virtual Result<std::string> manifest(const std::optional<Digest>& digest) = 0;
  // Its size and digest checked where it comes from elsewhere than a local file; whoever reads a local one checks it
  // (checked_copy, unpack).
  virtual Result<Blob> blob(const Descriptor& descriptor, const Progress& progress) = 0;
};

class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  virtual ~Target() = default;

  virtual Result<bool> has(const Descriptor& descriptor) = 0;
  // Size and digest are checked on the way; a lie is ErrorKind::malformed and leaves nothing.
  virtual Result<void> put(const Descriptor& descriptor, const Blob& blob, const Progress& progress) = 0;
  // Last: from now on the reference names the image. The one stored is returned: a layout's is to_oci(image).
  virtual Result<Image> finish(const Image& image) = 0;
};

[[nodiscard]] Result<std::unique_ptr<Source>> open_source(const Reference& reference, const Access& access);
// A layout or an archive is made where there is none. ErrorKind::usage where a digest is given and nothing else.
[[nodiscard]] Result<std::unique_ptr<Target>> open_target(const Reference& reference, const Access& access);

// The image for a platform: from an index the first that fits (linux/amd64 where none is wanted). ErrorKind::usage
// where there is none for it, with those that there are.
[[nodiscard]] Result<Image> read_image(Source& source, const std::optional<Platform>& wanted = std::nullopt);

// Layers and configuration, then the manifest; what the target has is skipped. The image as stored.
[[nodiscard]] Result<Image> copy(Source& source, Target& target, const Image& image, const Progress& progress = {});

// A source that adds blobs of one's own to those of another, for an image made of both.
class Overlay final : public Source {
 public:
  explicit Overlay(Source& below) : below_(below) {}
  void add(const Digest& digest, Blob blob) { blobs_.insert_or_assign(digest, std::move(blob)); }
  Result<std::string> manifest(const std::optional<Digest>& digest) override { return below_.manifest(digest); }
  Result<Blob> blob(const Descriptor& descriptor, const Progress& progress) override;

 private:
  Source& below_;
  std::map<Digest, Blob> blobs_;
};

}  // namespace blindbox::image
