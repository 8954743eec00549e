// SPDX-License-Identifier: Apache-2.0
// Images out of a registry (OCI distribution specification 1.1, "Pull").
#include <charconv>

#include "blindbox/fetch/json.h"
#include "blindbox/image/internal/blobs.h"
#include "blindbox/image/internal/download.h"
#include "blindbox/image/internal/ends.h"
#include "blindbox/image/internal/registry.h"

namespace blindbox::image::internal {

using fetch::explain;

namespace {

using base::fail;

constexpr unsigned kOk = 200;
constexpr unsigned kPartial = 206;
constexpr unsigned kNotFound = 404;
constexpr unsigned kBadRange = 416;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "bytes 100-199/200" begins at 100.
std::optional<std::uint64_t> range_begin(std::string_view field) {
  if (!field.starts_with("bytes ")) return std::nullopt;
  field.remove_prefix(6);
  return number(field.substr(0, field.find('-')));
}

class RegistrySource final : public Source {
 public:
  explicit RegistrySource(std::unique_ptr<Registry> registry) : registry_(std::move(registry)) {}

  Result<std::string> manifest(const std::optional<Digest>& digest) override {
    const Reference& reference = registry_->reference();
    const std::optional<Digest>& wanted = digest ? digest : reference.digest;
    WebRequest request;
    request.url = registry_->url("manifests/" + (wanted ? wanted->text() : reference.tag));
    for (const std::string_view type : {kOciManifest, kOciIndex, kDockerManifest, kDockerList}) {
      request.fields.emplace_back("Accept", type);
    }
    request.follow = true;
    request.cap = kManifestCap;
    auto answer = registry_->ask(request);
    if (!answer) return base::pass_on(answer);
    if (answer->status == kNotFound) {
      return fail(ErrorKind::network, "there is no image " + reference.full_name(), explain(*answer));
    }
    if (answer->status != kOk) {
      return tl::unexpected(registry_->failure("cannot fetch " + reference.full_name(), *answer));
    }
    // Of a tag the registry alone knows what it names; but what it says of the digest must hold.
    std::optional<Digest> expected = wanted;
    if (const std::string said = answer->field("docker-content-digest"); !expected && !said.empty()) {
      auto parsed = Digest::parse(said);
      if (!parsed) return base::pass_on(parsed);
      expected = std::move(*parsed);
    }
    if (expected) {
      if (auto checked = check_digest(base::view(answer->body), *expected, "the manifest"); !checked) {
        return base::pass_on(checked);
      }
    }
    return std::move(answer->body);
  }

  Result<Blob> blob(const Descriptor& descriptor, const Progress& progress) override {
    auto download = Download::open(registry_->access().download_folder, descriptor);
    if (!download) return base::pass_on(download);
    bool from_earlier = download->received() > 0;
    Web::Attempts attempts;
    std::uint64_t furthest = download->received();
    while (true) {
      const std::uint64_t before = download->received();
      if (before < descriptor.size || descriptor.size == 0) {
        auto answer = fetch(descriptor, *download, progress);
        if (!answer && answer.error().kind != ErrorKind::network) {
          if (answer.error().kind == ErrorKind::malformed) download->discard();
          return base::pass_on(answer);
        }
        // What was had before and thrown away since is no headway: a registry could send it for ever.
        if (download->received() > furthest) {
          attempts.brought(download->received() - furthest);
          furthest = download->received();
        }
        const bool whole = answer && (answer->status == kOk || answer->status == kPartial);
        if (!whole) {
          if (answer && answer->status == kBadRange && before > 0) {
            if (auto again = download->restart(); !again) return base::pass_on(again);
          }
          if (registry_->web().pause(answer, attempts)) continue;
          if (!answer) return base::pass_on(answer);
          return tl::unexpected(registry_->failure("cannot fetch the blob " + descriptor.digest.text(), *answer));
        }
        if (download->received() < descriptor.size) {
          download->discard();
          return tl::unexpected(lying(descriptor, std::to_string(download->received()) + " bytes"));
        }
      }
      auto done = download->finish();
      if (done || !from_earlier) return done;
      // The lie may be an old one: once more, and all of it.
      from_earlier = false;
      download = Download::open("", descriptor);
      if (!download) return base::pass_on(download);
    }
  }

 private:
  // One attempt at what is missing.
  Result<WebAnswer> fetch(const Descriptor& descriptor, Download& download, const Progress& progress) {
    std::optional<Error> wrong;
    WebRequest request;
    request.url = registry_->url("blobs/" + descriptor.digest.text());
    request.follow = true;
    if (download.received() > 0) {
      request.fields.emplace_back("Range", "bytes=" + std::to_string(download.received()) + "-");
    }
    const auto keep = [&wrong](const Result<void>& done) {
      if (!done) wrong = done.error();
      return done.has_value();
    };
    request.on_head = [&](const http::ResponseHead& head) {
      if (head.status == kPartial) {
        const auto begin = range_begin(http::find_field(head.fields, "content-range").value_or(""));
        if (begin == download.received()) return true;
        wrong = Error{ErrorKind::protocol, "the registry answers with another part than was asked for", "", ""};
        return false;
      }
      if (download.received() > 0 && !keep(download.restart())) return false;
      const auto length = http::find_field(head.fields, "content-length");
      if (!length || number(*length) == descriptor.size) return true;
      wrong = lying(descriptor, std::string(*length) + " bytes");
      return false;
    };
    request.on_piece = [&](ByteView piece) {
      if (!keep(download.add(piece))) return false;
      tell(progress, descriptor, Transfer::Stage::fetching, download.received());
      return true;
    };
    auto answer = registry_->ask(request, false);
    if (wrong) return tl::unexpected(std::move(*wrong));
    return answer;
  }

  std::unique_ptr<Registry> registry_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_registry_source(const Reference& reference, const Access& access) {
  auto registry = Registry::open(reference, access, "pull");
  if (!registry) return base::pass_on(registry);
  return std::make_unique<RegistrySource>(std::move(*registry));
}

}  // namespace blindbox::image::internal
