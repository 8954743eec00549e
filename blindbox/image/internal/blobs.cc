// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/blobs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace blindbox::image::internal {

using base::fail;

Result<Blob> open_blob(const std::string& path) {
  // A pipe would make open wait for its other end.
  base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) {
    return fail(ErrorKind::io, "cannot open " + path + ": " + std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::malformed, path + " is no regular file");
  return Blob{std::make_shared<const base::Fd>(std::move(file)), 0, static_cast<std::uint64_t>(info.st_size)};
}

Result<std::string> read_blob(const Blob& blob, std::size_t cap, const std::string& what) {
  if (blob.size > cap) return fail(ErrorKind::limit, what + " has more than " + std::to_string(cap) + " bytes");
  std::string out(static_cast<std::size_t>(blob.size), '\0');
  auto got = blob.read()->read(std::as_writable_bytes(std::span(out)));
  if (!got) return base::pass_on(got);
  if (*got < out.size()) return fail(ErrorKind::malformed, what + " ends too early");
  return out;
}

Result<void> check_digest(ByteView bytes, const Digest& digest, const std::string& what) {
  Hasher hasher(digest.algorithm());
  hasher.update(bytes);
  const Digest found = hasher.finish();
  if (found == digest) return {};
  return fail(ErrorKind::malformed, what + " does not have the digest that it goes by",
              "it is " + found.text() + ", named is " + digest.text());
}

Error lying(const Descriptor& descriptor, const std::string& found) {
  return {
      ErrorKind::malformed, "a blob is not what the manifest says",
      "named is " + descriptor.digest.text() + " with " + std::to_string(descriptor.size) + " bytes, found " + found,
      "the image was damaged or tampered with; fetch it again from its publisher"};
}

Error in_layer(Error error, const Image& image, const Layer& layer) {
  const auto number = &layer - image.layers.data() + 1;
  const std::string name = "layer " + std::to_string(number) + " of " + std::to_string(image.layers.size()) + ", " +
                           layer.blob.digest.text();
  error.detail = error.detail.empty() ? name : name + "; " + error.detail;
  return error;
}

void tell(const Progress& progress, const Descriptor& descriptor, Transfer::Stage stage, std::uint64_t done) {
  if (progress) progress({descriptor, stage, done});
}

Result<void> checked_copy(const Descriptor& descriptor, const Blob& blob, const Write& write,
                          const Progress& progress) {
  if (blob.size != descriptor.size) return tl::unexpected(lying(descriptor, std::to_string(blob.size) + " bytes"));
  const auto source = blob.read();
  Hasher hasher(descriptor.digest.algorithm());
  Bytes piece(std::size_t{256} << 10);
  std::uint64_t done = 0;
  while (done < blob.size) {
    const auto got = source->read(piece);
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) return tl::unexpected(lying(descriptor, std::to_string(done) + " bytes"));
    const ByteView bytes = ByteView(piece).first(*got);
    hasher.update(bytes);
    if (auto written = write(bytes); !written) return written;
    done += *got;
    tell(progress, descriptor, Transfer::Stage::storing, done);
  }
  const Digest found = hasher.finish();
  if (found != descriptor.digest) return tl::unexpected(lying(descriptor, found.text()));
  return {};
}

Result<void> make_folders(const std::string& folder, unsigned mode) {
  std::filesystem::path made;
  for (const auto& part : std::filesystem::path(folder)) {
    made /= part;
    std::error_code ignored;
    if (::mkdir(made.c_str(), mode) != 0 && errno != EEXIST && !std::filesystem::is_directory(made, ignored)) {
      return fail(ErrorKind::io, "cannot make the folder " + made.string() + ": " + std::strerror(errno));
    }
  }
  return {};
}

}  // namespace blindbox::image::internal
