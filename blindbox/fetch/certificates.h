// SPDX-License-Identifier: Apache-2.0
// Certificates for servers of one's own, in the folders that Docker, Podman and Skopeo read:
//   FOLDER/HOST[:PORT]/*.crt    authorities that are believed there, beside the system's
//   FOLDER/HOST[:PORT]/*.cert   a certificate of the client, its key in the .key of the same name
#pragma once

#include <string>
#include <vector>

#include "blindbox/net/web.h"

namespace blindbox::fetch {

// ~/.config/containers/certs.d, /etc/containers/certs.d, /etc/docker/certs.d.
[[nodiscard]] std::vector<std::string> default_certificate_folders();

// What the first of the folders has that knows the authority ("host" or "host:port"); nothing where none does.
// ErrorKind::io or ErrorKind::limit for a file that cannot be read, ErrorKind::usage for a certificate without its key.
[[nodiscard]] Result<net::WebCertificates> find_certificates(const std::vector<std::string>& folders,
                                                             const std::string& authority);

}  // namespace blindbox::fetch
