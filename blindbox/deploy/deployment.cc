// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/deployment.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "blindbox/base/bytes.h"

namespace blindbox::deploy {
namespace {

using base::fail;

constexpr std::size_t kDigestLength = 64;
// An object of Kubernetes holds 256 KiB of annotations, and "kubectl apply" keeps the manifest itself as one.
constexpr std::size_t kAnnotationCap = std::size_t{200} << 10;

bool is_label(const std::string& text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 40 && std::ranges::all_of(text, plain) && text.front() >= 'a' &&
         text.front() <= 'z' && text.back() != '-';
}

bool has_digest(const std::string& image) {
  const auto at = image.rfind("@sha256:");
  if (at == std::string::npos || at == 0) return false;
  const std::string hex = image.substr(at + 8);
  return hex.size() == kDigestLength && base::from_hex(hex).has_value();
}

}  // namespace

Result<void> check(const Deployment& deployment) {
  if (!is_label(deployment.name)) {
    return fail(ErrorKind::usage, "not a name for resources: " + deployment.name, "",
                "small letters, digits and hyphens, beginning with a letter, 40 at most");
  }
  if (!has_digest(deployment.image)) {
    return fail(ErrorKind::usage, "the image is not named by its digest: " + deployment.image, "",
                "a tag can be moved to another image, which the policy would then refuse");
  }
  // These stand in texts of five languages; what could end a string there is in no image's name.
  if (deployment.image.find_first_of("\"'\\ \n\t${}") != std::string::npos) {
    return fail(ErrorKind::usage, "not a name of an image: " + deployment.image);
  }
  for (const auto& [name, value] : deployment.environment) {
    const auto& passed = deployment.specification.environment_passed;
    if (std::ranges::find(passed, name) == passed.end()) {
      return fail(ErrorKind::usage, "the image takes no variable " + name, "",
                  "list it under \"environment\" in blindbox.yml and build again: the policy refuses all others");
    }
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (!base::is_utf8(value) || std::ranges::any_of(value, control)) {
      return fail(ErrorKind::usage, "the value of " + name + " is no line of UTF-8 text");
    }
  }
  if (deployment.cpu == 0 || deployment.memory_gib == 0 || deployment.replicas == 0) {
    return fail(ErrorKind::usage, "cores, memory and replicas are at least 1");
  }
  if (!deployment.runtime_class.empty() && !is_label(deployment.runtime_class)) {
    return fail(ErrorKind::usage, "not a runtime class: " + deployment.runtime_class);
  }
  auto annotation = initdata_annotation(deployment.initdata);
  if (!annotation) return base::pass_on(annotation);
  if (annotation->size() > kAnnotationCap) {
    return fail(ErrorKind::limit, "the initdata is too long for a pod's annotation",
                fmt::format("{} bytes compressed and encoded, {} at most", annotation->size(), kAnnotationCap),
                "take out what the guest can fetch after it has attested itself");
  }
  return {};
}

std::string registry_of(const Deployment& deployment) { return deployment.image.substr(0, deployment.image.find('/')); }

std::vector<std::string> runtime_classes() {
  return {"kata-qemu-snp", "kata-qemu-tdx", "kata-remote", "kata-qemu-coco-dev"};
}

Result<std::string> initdata_annotation(const std::string& document) {
  constexpr int kGzip = 15 + 16;
  z_stream stream{};
  if (::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(ErrorKind::internal, "the initdata could not be compressed");
  }
  Bytes out(::deflateBound(&stream, document.size()) + 32);
  std::string input = document;  // zlib takes it unqualified
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int done = ::deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  ::deflateEnd(&stream);
  if (done != Z_STREAM_END) return fail(ErrorKind::internal, "the initdata could not be compressed");
  return base::to_base64(out);
}

}  // namespace blindbox::deploy
