// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/reference.h"

#include "blindbox/image/internal/grammar.h"

namespace blindbox::image {
namespace {

using base::fail;

constexpr std::string_view kRegistry = "docker://";
constexpr std::string_view kLayout = "oci:";
constexpr std::string_view kArchive = "docker-archive:";
constexpr std::size_t kLongestReference = 8192;

// The registry that names without a host mean, by the custom of every tool; and the host of its API, which is another.
const std::string kDefaultDomain =
    "docker"
    ".io";
const std::string kDefaultApi = "registry-1." + kDefaultDomain;
const std::string kDefaultIndex = "index." + kDefaultDomain;

tl::unexpected<Error> bad(std::string_view text, const std::string& why) {
  return fail(ErrorKind::usage, "not a reference of an image: \"" + std::string(text) + "\"", why,
              "write [HOST/]NAME[:TAG], docker://NAME, oci:FOLDER[:TAG] or docker-archive:FILE[:NAME:TAG]");
}

bool names_a_host(std::string_view part) {
  return part.find_first_of(".:") != std::string_view::npos || part == "localhost" ||
         part.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos;
}

// [HOST/]PATH of a name whose tag and digest were taken off.
Result<void> split_name(std::string_view name, std::string_view whole, Reference& out) {
  const std::size_t slash = name.find('/');
  const std::string_view first = name.substr(0, slash);
  if (slash != std::string_view::npos && names_a_host(first)) {
    out.host = first == kDefaultIndex ? kDefaultDomain : std::string(first);
    out.repository = name.substr(slash + 1);
  } else {
    out.host = kDefaultDomain;
    out.repository = name;
  }
  if (out.host == kDefaultDomain && out.repository.find('/') == std::string::npos) {
    out.repository = "library/" + out.repository;
  }
  if (!internal::is_host(out.host)) return bad(whole, "\"" + out.host + "\" is no host");
  if (!internal::is_repository(out.repository)) {
    return bad(whole, "\"" + out.repository +
                          "\" is no repository: lower-case letters and digits, single '.', '_' and "
                          "'-' between them, parts separated by '/'");
  }
  return {};
}

Result<Reference> parse_registry(std::string_view name, std::string_view whole) {
  Reference out;
  std::string_view rest = name;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    auto digest = Digest::parse(rest.substr(at + 1));
    if (!digest) return bad(whole, digest.error().what + ", " + digest.error().detail);
    out.digest = std::move(*digest);
    rest = rest.substr(0, at);
  }
  const std::size_t colon = rest.rfind(':');
  const std::size_t slash = rest.rfind('/');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    out.tag = rest.substr(colon + 1);
    if (!internal::is_tag(out.tag)) return bad(whole, "\"" + out.tag + "\" is no tag");
    rest = rest.substr(0, colon);
  }
  if (auto split = split_name(rest, whole, out); !split) return base::pass_on(split);
  if (out.tag.empty() && !out.digest) out.tag = "latest";
  return out;
}

// FILE[:NAME] and DIR[:NAME]: the first colon ends the path, as with skopeo, since names have colons of their own.
Result<Reference> parse_local(Transport transport, std::string_view rest, std::string_view whole) {
  Reference out;
  out.transport = transport;
  const std::size_t colon = rest.find(':');
  out.path = rest.substr(0, colon);
  if (out.path.empty()) return bad(whole, "it has no path");
  if (colon == std::string_view::npos) return out;
  const std::string_view name = rest.substr(colon + 1);
  if (transport == Transport::oci_layout) {
    if (!internal::is_ref_name(name))
      return bad(whole, "\"" + std::string(name) + "\" is no name of an image in a layout");
    out.name = name;
    return out;
  }
  auto inner = parse_registry(name, whole);
  if (!inner) return inner;
  if (inner->digest) return bad(whole, "an archive names its images by tags, not by digests");
  out.name = inner->full_name();
  return out;
}

}  // namespace

Result<Reference> parse_reference(std::string_view text) {
  if (text.size() > kLongestReference || text.find('\0') != std::string_view::npos) {
    return bad(text.substr(0, 80), "it is too long or has a NUL");
  }
  if (text.starts_with(kRegistry)) return parse_registry(text.substr(kRegistry.size()), text);
  if (text.starts_with(kLayout)) return parse_local(Transport::oci_layout, text.substr(kLayout.size()), text);
  if (text.starts_with(kArchive)) return parse_local(Transport::docker_archive, text.substr(kArchive.size()), text);
  // What skopeo knows and we do not would otherwise be taken for a name with a tag.
  for (const std::string_view other : {"dir:", "containers-storage:", "docker-daemon:", "oci-archive:", "ostree:",
                                       "sif:", "tarball:", "http:", "https:"}) {
    if (text.starts_with(other)) return bad(text, "the transport \"" + std::string(other) + "\" is not supported");
  }
  return parse_registry(text, text);
}

std::string Reference::full_name() const {
  return host + "/" + repository + (tag.empty() ? "" : ":" + tag) + (digest ? "@" + digest->text() : "");
}

std::string Reference::text() const {
  if (transport == Transport::registry) return std::string(kRegistry) + full_name();
  const std::string_view prefix = transport == Transport::oci_layout ? kLayout : kArchive;
  return std::string(prefix) + path + (name.empty() ? "" : ":" + name);
}

const std::string& default_registry() { return kDefaultDomain; }

std::string api_host(const std::string& host) { return host == kDefaultDomain ? kDefaultApi : host; }

}  // namespace blindbox::image
