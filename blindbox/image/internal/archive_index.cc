// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/archive_index.h"

#include <unistd.h>

#include <filesystem>

#include "blindbox/archive/file.h"
#include "blindbox/archive/tar_reader.h"
#include "blindbox/fetch/json.h"

namespace blindbox::image::internal {

using fetch::shown;

namespace {

using base::fail;

constexpr std::uint64_t kArchiveCap = std::uint64_t{256} << 30;
constexpr std::size_t kMostFiles = std::size_t{64} << 10;
constexpr int kMostLinks = 8;

std::string tidy(const std::string& name) {
  std::string out = std::filesystem::path(name).lexically_normal().string();
  return out.starts_with("./") ? out.substr(2) : out;
}

Result<base::Fd> decompressed(archive::Source& source) {
  auto file = archive::temporary_file();
  if (!file) return file;
  Bytes piece(std::size_t{256} << 10);
  while (true) {
    const auto got = source.read(piece);
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) break;
    if (auto put = archive::write_all(file->get(), ByteView(piece).first(*got)); !put) return base::pass_on(put);
  }
  if (::lseek(file->get(), 0, SEEK_SET) != 0) return fail(ErrorKind::io, "cannot read a temporary file again");
  return file;
}

}  // namespace

Result<ArchiveIndex> ArchiveIndex::open(const std::string& path) {
  auto file = archive::File::open(path, kArchiveCap);
  if (!file) return base::pass_on(file);
  ArchiveIndex index;
  index.name_ = file->name();
  ByteArray<4> magic{};
  if (auto got = file->plain()->read(magic); !got) return base::pass_on(got);
  if (archive::sniff(magic) != archive::Compression::none) {
    auto stream = file->stream(kArchiveCap);
    if (!stream) return base::pass_on(stream);
    auto plain = decompressed(**stream);
    if (!plain) return base::pass_on(plain);
    file = archive::File::of(std::move(*plain), index.name_, kArchiveCap);
    if (!file) return base::pass_on(file);
  }
  index.begin_ = file->begin();
  index.end_ = index.begin_ + file->size();
  index.file_ = std::make_shared<const base::Fd>(file->release());
  if (auto read = index.read(); !read) {
    Error error = std::move(read).error();
    if (error.kind == ErrorKind::malformed) {
      error.detail = error.what + (error.detail.empty() ? "" : ", " + error.detail);
      error.what = index.name_ + " is no archive of images";
    }
    return tl::unexpected(std::move(error));
  }
  return index;
}

Result<void> ArchiveIndex::read() {
  const auto source = archive::make_file_source(file_->get(), begin_, end_, name_);
  archive::TarReader reader(*source);
  for (std::size_t count = 0;; ++count) {
    auto header = reader.next();
    if (!header) return base::pass_on(header);
    if (!*header) return {};
    if (count == kMostFiles) {
      return fail(ErrorKind::limit, name_ + " has more than " + std::to_string(kMostFiles) + " files");
    }
    const archive::TarHeader& entry = **header;
    const std::string name = tidy(entry.name);
    if (entry.type == '1' || entry.type == '2') {
      // A symbolic link is relative to its folder, a hard link to the archive.
      const auto folder = entry.type == '2' ? std::filesystem::path(name).parent_path() : std::filesystem::path();
      files_.insert_or_assign(name, Place{0, 0, tidy((folder / entry.link).string())});
      continue;
    }
    if (entry.type != '0' && entry.type != '7') continue;
    if (!entry.records.empty() && entry.records.contains("GNU.sparse.major")) continue;
    // Two readers of one archive must not find two images in it.
    if (name.ends_with(".json") && files_.contains(name)) {
      return fail(ErrorKind::malformed, "it has " + shown(name) + " twice");
    }
    files_.insert_or_assign(name, Place{begin_ + source->position(), static_cast<std::uint64_t>(entry.size)});
  }
}

Result<Blob> ArchiveIndex::find(const std::string& name) const {
  auto found = files_.find(tidy(name));
  for (int links = 0; found != files_.end() && !found->second.link.empty(); ++links) {
    if (links == kMostLinks)
      return fail(ErrorKind::malformed, "too many links lead to " + shown(name) + " in " + name_);
    found = files_.find(found->second.link);
  }
  if (found == files_.end()) return fail(ErrorKind::malformed, "there is no " + shown(name) + " in " + name_);
  if (found->second.size > end_ - begin_ || found->second.begin > end_ - found->second.size) {
    return fail(ErrorKind::malformed, name_ + " ends within " + shown(name));
  }
  return Blob{file_, found->second.begin, found->second.size};
}

}  // namespace blindbox::image::internal
