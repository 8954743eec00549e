// SPDX-License-Identifier: Apache-2.0
// Images into a registry (OCI distribution specification 1.1, "Push": POST then PUT).
#include "blindbox/fetch/json.h"
#include "blindbox/image/internal/blobs.h"
#include "blindbox/image/internal/ends.h"
#include "blindbox/image/internal/registry.h"

namespace blindbox::image::internal {

using fetch::resolve;
using fetch::shown;
using fetch::with_query;

namespace {

using base::fail;

constexpr unsigned kOk = 200;
constexpr unsigned kCreated = 201;
constexpr unsigned kAccepted = 202;
constexpr unsigned kNotFound = 404;

// The pieces of a blob from its beginning; before the last one goes out, all of them were those of the digest.
class Pieces {
 public:
  Pieces(const Descriptor& descriptor, const Blob& blob, const Progress& progress)
      : descriptor_(descriptor), progress_(progress), source_(blob.read()), hasher_(descriptor.digest.algorithm()) {}

  Result<ByteView> next() {
    const auto got = source_->read(piece_);
    if (!got) return tl::unexpected(got.error());
    const ByteView bytes = ByteView(piece_).first(*got);
    hasher_.update(bytes);
    done_ += bytes.size();
    if (bytes.empty()) return tl::unexpected(lying(descriptor_, std::to_string(done_) + " bytes"));
    if (done_ == descriptor_.size) {
      if (const Digest found = hasher_.finish(); found != descriptor_.digest) {
        return tl::unexpected(lying(descriptor_, found.text()));
      }
    }
    tell(progress_, descriptor_, Transfer::Stage::storing, done_);
    return bytes;
  }

 private:
  const Descriptor& descriptor_;
  const Progress& progress_;
  std::unique_ptr<archive::Source> source_;
  Hasher hasher_;
  Bytes piece_ = Bytes(std::size_t{64} << 10);
  std::uint64_t done_ = 0;
};

class RegistryTarget final : public Target {
 public:
  explicit RegistryTarget(std::unique_ptr<Registry> registry) : registry_(std::move(registry)) {}

  Result<bool> has(const Descriptor& descriptor) override {
    WebRequest request;
    request.method = "HEAD";
    request.url = registry_->url("blobs/" + descriptor.digest.text());
    request.follow = true;
    const auto answer = registry_->ask(request);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status == kOk) return true;
    // Some want the right to push before they answer; the push will tell.
    if (answer->status == kNotFound || answer->status / 100 == 4) return false;
    return tl::unexpected(registry_->failure("cannot ask for " + descriptor.digest.text(), *answer));
  }

  Result<void> put(const Descriptor& descriptor, const Blob& blob, const Progress& progress) override {
    if (blob.size != descriptor.size) return tl::unexpected(lying(descriptor, std::to_string(blob.size) + " bytes"));
    Web::Attempts attempts;
    while (true) {
      auto place = begin_upload();
      if (!place) return base::pass_on(place);
      const auto answer = upload(std::move(*place), descriptor, blob, progress);
      if (answer && answer->status == kCreated) return {};
      // A broken upload is begun anew, elsewhere. What counts as waiting is what came behind the last piece.
      attempts.since = last_sent_;
      if (registry_->web().pause(answer, attempts)) continue;
      if (!answer) return tl::unexpected(answer.error());
      return tl::unexpected(registry_->failure("cannot store the blob " + descriptor.digest.text(), *answer));
    }
  }

  Result<Image> finish(const Image& image) override {
    const Reference& reference = registry_->reference();
    if (reference.digest && *reference.digest != image.digest) {
      return fail(ErrorKind::usage, "the image is not the one that " + reference.full_name() + " names",
                  "it is " + image.digest.text());
    }
    WebRequest request;
    request.method = "PUT";
    request.url = registry_->url("manifests/" + (reference.tag.empty() ? image.digest.text() : reference.tag));
    request.fields.emplace_back("Content-Type", image.manifest.media_type);
    request.body = image.manifest_json;
    const auto answer = registry_->ask(request);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status != kCreated && answer->status != kOk) {
      return tl::unexpected(registry_->failure("cannot store " + reference.full_name(), *answer));
    }
    const std::string said = answer->field("docker-content-digest");
    if (!said.empty() && said != image.digest.text()) {
      return fail(ErrorKind::protocol, "the registry stored another manifest than it was sent",
                  "it says " + shown(said) + ", sent was " + image.digest.text());
    }
    return image;
  }

 private:
  Result<Url> begin_upload() {
    WebRequest request;
    request.method = "POST";
    request.url = registry_->url("blobs/uploads/");
    const auto answer = registry_->ask(request);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status != kAccepted) {
      return tl::unexpected(registry_->failure("cannot push to " + registry_->reference().full_name(), *answer));
    }
    return resolve(answer->url, answer->field("location"));
  }

  Result<WebAnswer> upload(Url place, const Descriptor& descriptor, const Blob& blob, const Progress& progress) {
    WebRequest request;
    request.method = "PUT";
    request.url = std::move(place);
    request.url.target = with_query(request.url.target, "digest", descriptor.digest.text());
    request.fields.emplace_back("Content-Type", "application/octet-stream");
    request.body_size = descriptor.size;
    request.make_body = [&] {
      return [this, pieces = std::make_shared<Pieces>(descriptor, blob, progress)] {
        last_sent_ = std::chrono::steady_clock::now();
        return pieces->next();
      };
    };
    last_sent_ = std::chrono::steady_clock::now();
    return registry_->ask(std::move(request), false);
  }

  std::unique_ptr<Registry> registry_;
  std::chrono::steady_clock::time_point last_sent_;  // a piece of a blob
};

}  // namespace

Result<std::unique_ptr<Target>> open_registry_target(const Reference& reference, const Access& access) {
  auto registry = Registry::open(reference, access, "pull,push");
  if (!registry) return base::pass_on(registry);
  return std::make_unique<RegistryTarget>(std::move(*registry));
}

}  // namespace blindbox::image::internal
