// SPDX-License-Identifier: Apache-2.0
// An image into an archive as docker since 25 saves it: an OCI layout, and a manifest.json for everything older. The
// same image gives the same bytes.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "blindbox/archive/file.h"
#include "blindbox/archive/tar_writer.h"
#include "blindbox/fetch/json.h"
#include "blindbox/image/internal/blobs.h"
#include "blindbox/image/internal/ends.h"

namespace blindbox::image::internal {

using fetch::Json;

namespace {

using base::fail;

std::string path_of(const Digest& digest) {
  return "blobs/" + std::string(digest.algorithm()) + "/" + std::string(digest.hex());
}

class ArchiveTarget final : public Target {
 public:
  ArchiveTarget(std::string path, std::string name)
      : path_(std::move(path)),
        name_(std::move(name)),
        writer_([this](ByteView bytes) { return archive::write_all(file_.get(), bytes); }) {}
  ~ArchiveTarget() override {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  Result<void> start() {
    if (path_ == "-") {
      file_ = base::Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    } else {
      temporary_ = path_ + ".XXXXXX";
      file_ = base::Fd(::mkostemp(temporary_.data(), O_CLOEXEC));
    }
    if (!file_) {
      temporary_.clear();
      return fail(ErrorKind::io, "cannot write " + path_ + ": " + std::strerror(errno));
    }
    return writer_.add({.name = "oci-layout"}, base::view(R"({"imageLayoutVersion":"1.0.0"})"));
  }

  Result<bool> has(const Descriptor& descriptor) override { return written_.contains(descriptor.digest); }

  Result<void> put(const Descriptor& descriptor, const Blob& blob, const Progress& progress) override {
    if (auto begun = writer_.begin({.name = path_of(descriptor.digest), .size = descriptor.size}); !begun) return begun;
    const auto write = [this](ByteView bytes) { return writer_.write(bytes); };
    if (auto copied = checked_copy(descriptor, blob, write, progress); !copied) return copied;
    written_.insert(descriptor.digest);
    return {};
  }

  Result<Image> finish(const Image& image) override {
    auto stored = to_oci(image);
    if (!stored) return stored;
    auto added = writer_.add({.name = path_of(stored->digest)}, base::view(stored->manifest_json));
    if (added) added = writer_.add({.name = "index.json"}, base::view(index_of(*stored)));
    if (added) added = writer_.add({.name = "manifest.json"}, base::view(saved(*stored)));
    if (added) added = writer_.finish();
    if (!added) return base::pass_on(added);
    if (temporary_.empty()) return stored;
    if (::fchmod(file_.get(), 0644) != 0 || ::fsync(file_.get()) != 0 ||
        ::rename(temporary_.c_str(), path_.c_str()) != 0) {
      return fail(ErrorKind::io, "cannot write " + path_ + ": " + std::strerror(errno));
    }
    temporary_.clear();
    return stored;
  }

 private:
  [[nodiscard]] std::string index_of(const Image& image) const {
    Json entry{{"mediaType", image.manifest.media_type},
               {"digest", image.digest.text()},
               {"size", image.manifest_json.size()}};
    if (!name_.empty()) {
      entry["annotations"] = {{"io.containerd.image.name", name_}, {kRefName, name_.substr(name_.rfind(':') + 1)}};
    }
    return Json{{"schemaVersion", 2}, {"mediaType", kOciIndex}, {"manifests", {std::move(entry)}}}.dump();
  }

  [[nodiscard]] std::string saved(const Image& image) const {
    Json entry{{"Config", path_of(image.manifest.config.digest)}, {"Layers", Json::array()}, {"RepoTags", nullptr}};
    for (const Layer& layer : image.layers) entry["Layers"].push_back(path_of(layer.blob.digest));
    if (!name_.empty()) entry["RepoTags"] = Json::array({name_});
    return Json::array({std::move(entry)}).dump();
  }

  std::string path_;
  std::string name_;
  std::string temporary_;
  base::Fd file_;
  archive::TarWriter writer_;
  std::set<Digest> written_;
};

}  // namespace

Result<std::unique_ptr<Target>> open_archive_target(const Reference& reference) {
  auto target = std::make_unique<ArchiveTarget>(reference.path, reference.name);
  if (auto started = target->start(); !started) return base::pass_on(started);
  return target;
}

}  // namespace blindbox::image::internal
