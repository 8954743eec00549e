// SPDX-License-Identifier: Apache-2.0
// Two passes: the first reads the headers and decides where everything stands, the second hashes the image in order,
// with the contents as they come by.
#include "blindbox/measure/layer.h"

#include <algorithm>

#include "blindbox/archive/file.h"
#include "blindbox/archive/tar_reader.h"
#include "blindbox/measure/internal/ext4_image.h"

namespace blindbox::measure {
namespace {

using namespace internal;
using namespace archive;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kXattrRecord = "SCHILY.xattr.";

std::uint16_t file_type(char type) {
  switch (type) {
    case '0': return kRegular;
    case '2': return kSymlink;
    case '3': return kCharacterDevice;
    case '4': return kBlockDevice;
    case '5': return kDirectory;
    case '6': return kFifo;
    default: return 0;  // becomes a regular file
  }
}

FileInfo file_info(const TarHeader& header) {
  FileInfo file;
  file.mode =
      static_cast<std::uint16_t>((static_cast<std::uint16_t>(header.mode) & ~kTypeMask) | file_type(header.type));
  file.size = static_cast<std::uint64_t>(std::max<std::int64_t>(header.size, 0));
  file.uid = static_cast<std::uint32_t>(header.uid);
  file.gid = static_cast<std::uint32_t>(header.gid);
  file.device_major = static_cast<std::uint32_t>(header.device_major);
  file.device_minor = static_cast<std::uint32_t>(header.device_minor);
  file.accessed = header.accessed;
  file.changed = header.changed;
  file.modified = file.created = header.modified;
  file.link = header.link;
  for (auto record = header.records.lower_bound(kXattrRecord);
       record != header.records.end() && record->first.starts_with(kXattrRecord); ++record) {
    file.xattrs[record->first.substr(kXattrRecord.size())] = record->second;
  }
  return file;
}

// OCI image layer filesystem changeset, "Whiteouts", as overlayfs wants them.
Result<void> add_whiteout(Tree& tree, std::string_view folder, std::string_view file) {
  if (file == kOpaque) {
    auto directory = tree.stat(folder);
    if (!directory) return base::pass_on(directory);
    directory->xattrs["trusted.overlay.opaque"] = "y";
    return tree.create(folder, std::move(*directory));
  }
  FileInfo device;
  device.mode = kCharacterDevice;
  const std::string hidden = std::string(folder) + "/" + std::string(file.substr(kWhiteout.size()));
  return tree.create(hidden, std::move(device));
}

Result<void> add_entry(Tree& tree, const TarReader& archive, const TarHeader& header, std::uint64_t number) {
  if (auto made = tree.make_parents(header.name); !made) return made;
  const std::size_t slash = header.name.rfind('/');
  const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  const std::string_view file = std::string_view(header.name).substr(begin);
  if (file.starts_with(kWhiteout)) return add_whiteout(tree, std::string_view(header.name).substr(0, begin), file);
  if (header.type == '1') return tree.link(header.link, header.name);
  if (auto created = tree.create(header.name, file_info(header), number); !created) return created;
  return header.header_only() ? Result<void>() : archive.check_contents();
}

Result<void> read_headers(Source& source, Tree& tree) {
  TarReader archive(source);
  for (std::uint64_t number = 0;; ++number) {
    const auto header = archive.next();
    if (!header) return tl::unexpected(header.error());
    if (!*header) break;
    if (auto added = add_entry(tree, archive, **header, number); !added) return added;
  }
  // A checksum of the compression stands behind the archive.
  const auto rest = source.skip(kMaxImageSize * 4);
  return rest ? Result<void>() : tl::unexpected(rest.error());
}

// Hands out the contents of entries, which are asked for in their order.
class Contents {
 public:
  Contents(Source& source, ImageHasher& out, std::uint64_t total, const LayerOptions& options)
      : archive_(source), out_(out), total_(total), options_(options) {}

  Result<void> copy(const Piece& piece) {
    for (; next_ <= piece.source; ++next_) {
      const auto header = archive_.next();
      if (!header) return tl::unexpected(header.error());
      if (!*header) return changed();
    }
    std::uint64_t left = piece.size;
    while (left > 0) {
      std::span<std::byte> room = out_.room();
      room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), left)));
      const auto got = archive_.read(room);
      if (!got) return tl::unexpected(got.error());
      if (*got == 0) return changed();
      out_.commit(*got);
      left -= *got;
      if (options_.progress) options_.progress(out_.size(), total_);
    }
    return {};
  }

 private:
  static tl::unexpected<Error> changed() {
    return base::fail(ErrorKind::io, "the layer was changed while it was read", "", "measure it again");
  }
  TarReader archive_;
  ImageHasher& out_;
  std::uint64_t total_;
  const LayerOptions& options_;
  std::uint64_t next_ = 0;
};

// Of the image, which may not be more than the hosts', and of the archive, which has headers and padding besides.
std::uint64_t image_limit(const LayerOptions& options) { return std::min(options.max_size, kMaxImageSize); }
std::uint64_t file_limit(const LayerOptions& options) { return image_limit(options) * 2 + (std::uint64_t{1} << 20); }

Result<LayerMeasurement> measure(const File& file, const LayerOptions& options) {
  // The limit does not move what stands in the image: room for descriptors is the hosts' always.
  const std::uint64_t limit = image_limit(options);
  Tree tree(kMaxImageSize);
  auto headers = file.stream(file_limit(options));
  if (!headers) return base::pass_on(headers);
  if (auto read = read_headers(**headers, tree); !read) return base::pass_on(read);
  auto image = Ext4Image::lay_out(tree);
  if (!image) return base::pass_on(image);
  if (image->size() > limit) {
    return base::fail(ErrorKind::limit, "the image would exceed " + std::to_string(limit) + " bytes",
                      "it would have " + std::to_string(image->size()));
  }
  auto source = file.stream(file_limit(options));
  if (!source) return base::pass_on(source);
  ImageHasher hasher;
  Contents contents(**source, hasher, image->size(), options);
  const auto written = image->write(hasher, [&contents](const Piece& piece) { return contents.copy(piece); });
  if (!written) return tl::unexpected(written.error());
  if (auto same = file.unchanged(); !same) return base::pass_on(same);
  const ImageHasher::Digests digests = hasher.finish();
  if (options.progress) options.progress(image->size(), image->size());
  return LayerMeasurement{digests.image, image->size(), digests.root};
}

Result<LayerMeasurement> measure_opened(Result<File> file, const LayerOptions& options) {
  if (!file) return base::pass_on(file);
  auto measured = measure(*file, options);
  if (measured) return measured;
  Error error = std::move(measured).error();
  if (error.kind == ErrorKind::malformed || error.kind == ErrorKind::limit) {
    error.detail = file->name() + (error.detail.empty() ? "" : ": " + error.detail);
  }
  return tl::unexpected(std::move(error));
}

}  // namespace

Result<LayerMeasurement> measure_layer(const std::string& path, const LayerOptions& options) {
  return measure_opened(File::open(path, file_limit(options)), options);
}

Result<LayerMeasurement> measure_layer(base::Fd file, const std::string& name, const LayerOptions& options,
                                       std::uint64_t length) {
  return measure_opened(File::of(std::move(file), name, file_limit(options), length), options);
}

}  // namespace blindbox::measure
