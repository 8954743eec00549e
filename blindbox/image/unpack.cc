// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/unpack.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "blindbox/image/internal/blobs.h"
#include "blindbox/image/internal/layer_reader.h"
#include "blindbox/image/internal/layer_writer.h"

namespace blindbox::image {
namespace {

namespace fs = std::filesystem;
using base::fail;

// A folder beside the one that is wanted, gone unless it is kept.
class Sibling {
 public:
  static Result<Sibling> of(const std::string& folder) {
    Sibling out;
    out.path_ = folder + ".XXXXXX";
    if (::mkdtemp(out.path_.data()) == nullptr) {
      const std::string reason = std::strerror(errno);
      out.path_.clear();
      return fail(ErrorKind::io, "cannot make a folder beside " + folder + ": " + reason);
    }
    return out;
  }
  Sibling(Sibling&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Sibling(const Sibling&) = delete;
  Sibling& operator=(const Sibling&) = delete;
  Sibling& operator=(Sibling&&) = delete;
  ~Sibling() {
    if (!path_.empty()) remove();
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  Result<void> become(const std::string& folder) {
    if (::rename(path_.c_str(), folder.c_str()) != 0) {
      return fail(ErrorKind::io, "cannot move the unpacked image to " + folder + ": " + std::strerror(errno));
    }
    path_.clear();
    return {};
  }

 private:
  Sibling() = default;
  void remove() const {
    std::error_code ignored;
    // Without root's rights, a folder that nobody may write to must first be opened again.
    fs::permissions(path_, fs::perms::owner_all, fs::perm_options::add, ignored);
    fs::recursive_directory_iterator at(path_, ignored);
    for (; !ignored && at != fs::recursive_directory_iterator(); at.increment(ignored)) {
      if (!at->is_symlink(ignored) && at->is_directory(ignored)) {
        fs::permissions(at->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
      }
    }
    fs::remove_all(path_, ignored);
  }
  std::string path_;
};

Result<std::string> free_folder(const std::string& folder) {
  std::error_code error;
  fs::path path = fs::absolute(folder, error).lexically_normal();
  if (error || path.empty()) return fail(ErrorKind::usage, "not a folder: \"" + folder + "\"");
  if (path.filename().empty()) path = path.parent_path();
  const fs::file_status status = fs::symlink_status(path, error);
  if (fs::exists(status) && (!fs::is_directory(status) || !fs::is_empty(path, error) || error)) {
    return fail(ErrorKind::usage, path.string() + " is there already, and not an empty folder");
  }
  return path.string();
}

std::uint64_t layer_limit(const Layer& layer, const UnpackOptions& options, std::uint64_t left) {
  const std::uint64_t size = layer.blob.size;
  const std::uint64_t by_ratio =
      size > left / std::max<std::uint64_t>(options.max_ratio, 1) ? left : size * options.max_ratio;
  return std::min(left, std::max(by_ratio, options.free_bytes));
}

}  // namespace

Result<Unpacked> unpack(Source& source, const Image& image, const std::string& folder, const UnpackOptions& options) {
  auto wanted = free_folder(folder);
  if (!wanted) return base::pass_on(wanted);
  auto sibling = Sibling::of(*wanted);
  if (!sibling) return base::pass_on(sibling);
  const auto tree = internal::Tree::open(sibling->path());
  if (!tree) return tl::unexpected(tree.error());
  internal::LayerWriter writer(*tree, options);
  std::uint64_t left = options.max_bytes;
  const auto add = [&](const Layer& layer) -> Result<void> {
    const auto blob = source.blob(layer.blob, options.progress);
    if (!blob) return tl::unexpected(blob.error());
    auto reader = internal::LayerReader::open(layer, *blob, layer_limit(layer, options, left));
    if (!reader) return base::pass_on(reader);
    if (auto added = writer.add_layer(reader->tar()); !added) return added;
    if (auto whole = reader->finish(); !whole) return whole;
    left -= std::min(left, reader->tar().position());
    internal::tell(options.progress, layer.blob, Transfer::Stage::storing, layer.blob.size);
    return {};
  };
  for (const Layer& layer : image.layers) {
    if (auto added = add(layer); !added) {
      return tl::unexpected(internal::in_layer(std::move(added.error()), image, layer));
    }
  }
  if (auto finished = writer.finish(); !finished) return base::pass_on(finished);
  if (auto moved = sibling->become(*wanted); !moved) return base::pass_on(moved);
  return writer.done();
}

}  // namespace blindbox::image
