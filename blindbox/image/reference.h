// SPDX-License-Identifier: Apache-2.0
// Where an image is, as a person writes it: skopeo's transports (containers-transports(5)), names by the grammar of the
// OCI distribution specification 1.1, "Pulling manifests".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "blindbox/image/digest.h"

namespace blindbox::image {

enum class Transport { registry, oci_layout, docker_archive };

struct Reference {
  Transport transport = Transport::registry;
  // registry: "HOST[:PORT]", lower-case repository path, and a tag or a digest or both.
  std::string host{};
  std::string repository{};
  std::string tag{};
  std::optional<Digest> digest{};
  // oci_layout: a folder; docker_archive: a file, "-" for standard input or output. name is empty where none was given:
  // then the only image is meant. In an archive it is a name with a tag, in a layout any ref.name.
  std::string path{};
  std::string name{};

  // As it would be written, transport included; parses back to the same.
  [[nodiscard]] std::string text() const;
  // registry: "HOST/REPOSITORY[:TAG][@DIGEST]", complete.
  [[nodiscard]] std::string full_name() const;
};

// "docker://[HOST[:PORT]/]PATH[:TAG][@DIGEST]", "oci:DIR[:NAME]", "docker-archive:FILE[:NAME]" or a bare name, which is
// a registry's. As docker does, a name whose first part is no host ("." or ":" in it, or "localhost") is of the default
// registry, there in "library/" where it has one part, and no tag and no digest mean "latest". ErrorKind::usage with
// the part that is wrong.
[[nodiscard]] Result<Reference> parse_reference(std::string_view text);

// The host that names without one mean, and where its API is.
[[nodiscard]] const std::string& default_registry();
[[nodiscard]] std::string api_host(const std::string& host);

}  // namespace blindbox::image
