// SPDX-License-Identifier: Apache-2.0
// Images into an OCI layout. A blob is a temporary file until it is whole; the index changes last, under a lock, so
// that two who write at a time lose nothing of each other's.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "blindbox/archive/file.h"
#include "blindbox/base/file.h"
#include "blindbox/fetch/json.h"
#include "blindbox/image/internal/blobs.h"
#include "blindbox/image/internal/ends.h"

namespace blindbox::image::internal {

using fetch::Json;
using fetch::parse_json;

namespace {

using base::fail;

constexpr std::string_view kVersionFile = R"({"imageLayoutVersion":"1.0.0"})";

tl::unexpected<Error> io_error(const std::string& what) {
  return fail(ErrorKind::io, what + ": " + std::strerror(errno));
}

class LayoutTarget final : public Target {
 public:
  LayoutTarget(std::string folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}

  Result<bool> has(const Descriptor& descriptor) override {
    struct stat info {};
    if (::stat(path_of(descriptor.digest).c_str(), &info) != 0) return false;
    return S_ISREG(info.st_mode) && static_cast<std::uint64_t>(info.st_size) == descriptor.size;
  }

  Result<void> put(const Descriptor& descriptor, const Blob& blob, const Progress& progress) override {
    const std::string path = path_of(descriptor.digest);
    const std::string parent = std::filesystem::path(path).parent_path();
    if (auto made = make_folders(parent, 0755); !made) return made;
    std::string temporary = parent + "/.incoming-XXXXXX";
    const base::Fd file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!file) return io_error("cannot write in " + parent);
    const Write write = [&](ByteView bytes) { return archive::write_all(file.get(), bytes); };
    auto copied = checked_copy(descriptor, blob, write, progress);
    if (copied && (::fchmod(file.get(), 0644) != 0 || ::fsync(file.get()) != 0 ||
                   ::rename(temporary.c_str(), path.c_str()) != 0)) {
      copied = io_error("cannot write " + path);
    }
    if (!copied) ::unlink(temporary.c_str());
    sync_folder(parent);
    return copied;
  }

  Result<Image> finish(const Image& image) override {
    auto stored = to_oci(image);
    if (!stored) return stored;
    const Descriptor entry{stored->manifest.media_type, stored->digest, stored->manifest_json.size()};
    auto bytes = blob_of(base::view(stored->manifest_json));
    if (!bytes) return base::pass_on(bytes);
    if (auto written = put(entry, *bytes, {}); !written) return base::pass_on(written);
    const base::Fd lock(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0) return io_error("cannot lock " + folder_);
    if (auto named = update_index(entry, stored->config.platform); !named) return base::pass_on(named);
    return stored;
  }

 private:
  [[nodiscard]] std::string path_of(const Digest& digest) const {
    return folder_ + "/blobs/" + std::string(digest.algorithm()) + "/" + std::string(digest.hex());
  }

  static void sync_folder(const std::string& folder) {
    const base::Fd parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent) (void)::fsync(parent.get());
  }

  Result<void> update_index(const Descriptor& image, const Platform& platform) {
    const std::string path = folder_ + "/index.json";
    Json index{{"schemaVersion", 2}, {"mediaType", kOciIndex}, {"manifests", Json::array()}};
    if (std::error_code error; std::filesystem::exists(path, error) || error) {
      auto text = base::read_file(path, kManifestCap);
      if (!text) return base::pass_on(text);
      auto parsed = parse_json(*text, kManifestCap, path);
      if (!parsed) return base::pass_on(parsed);
      auto valid = parse_document(*text);
      if (!valid) return base::pass_on(valid);
      if (!valid->index) return fail(ErrorKind::malformed, path + " is no index");
      index = std::move(*parsed);
    }
    Json kept = Json::array();
    for (const Json& entry : index["manifests"]) {
      if (name_in(entry) != name_) kept.push_back(entry);
    }
    Json entry{{"mediaType", image.media_type}, {"digest", image.digest.text()}, {"size", image.size}};
    entry["platform"] = {{"os", platform.os}, {"architecture", platform.architecture}};
    if (!platform.variant.empty()) entry["platform"]["variant"] = platform.variant;
    if (!name_.empty()) entry["annotations"] = {{kRefName, name_}};
    kept.push_back(std::move(entry));
    if (kept.size() > kMostManifests) {
      return fail(ErrorKind::limit, folder_ + " has " + std::to_string(kMostManifests) + " images, and takes no more");
    }
    index["manifests"] = std::move(kept);
    return base::write_file(path, base::view(index.dump()));
  }

  static std::string name_in(const Json& entry) {
    const auto annotations = entry.find("annotations");
    if (annotations == entry.end() || !annotations->is_object()) return "";
    const auto name = annotations->find(kRefName);
    return name == annotations->end() || !name->is_string() ? "" : name->get<std::string>();
  }

  std::string folder_;
  std::string name_;
};

// A folder of something else must not be filled with blobs.
Result<void> prepare(const std::string& folder) {
  if (auto made = make_folders(folder, 0755); !made) return made;
  std::error_code error;
  const bool is_layout = std::filesystem::exists(folder + "/oci-layout", error);
  if (is_layout || error) return {};
  const bool is_empty = std::filesystem::is_empty(folder, error);
  if (error) return fail(ErrorKind::io, "cannot read the folder " + folder + ": " + error.message());
  if (!is_empty) {
    return fail(ErrorKind::usage, folder + " is neither an OCI layout nor empty", "", "name a folder that is new");
  }
  return base::write_file(folder + "/oci-layout", base::view(kVersionFile));
}

}  // namespace

Result<std::unique_ptr<Target>> open_layout_target(const Reference& reference) {
  if (auto prepared = prepare(reference.path); !prepared) return base::pass_on(prepared);
  // Whoever finds it later must find a layout: the version is right, or it is not ours to write into.
  if (std::error_code error; std::filesystem::exists(reference.path + "/index.json", error)) {
    Reference as_source = reference;
    as_source.name.clear();
    if (auto readable = open_layout_source(as_source); !readable) return base::pass_on(readable);
  }
  return std::make_unique<LayoutTarget>(reference.path, reference.name);
}

}  // namespace blindbox::image::internal
