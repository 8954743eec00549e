// SPDX-License-Identifier: Apache-2.0
#include "images.h"

#include <fmt/format.h>

#include "blindbox/fetch/certificates.h"
#include "blindbox/wrap/wrap.h"

namespace blindbox::apps {

void add_image_options(CLI::App& command, ImageOptions& options) {
  command.add_flag("--plain-http", options.plain_http,
                   "speak HTTP without TLS to a registry on this machine's "
                   "loopback, and to no other");
}

image::Access access(const ImageOptions& options) {
  image::Access out;
  out.plain_http_on_loopback = options.plain_http;
  out.certificate_folders = fetch::default_certificate_folders();
  out.download_folder = image::default_download_folder();
  out.warn = [](const std::string& what) { fmt::print(stderr, "blindbox: note: {}\n", what); };
  return out;
}

Result<image::Reference> tag_reference(const std::string& tag) {
  auto reference = image::parse_reference(tag);
  if (!reference || reference->transport != image::Transport::registry || tag.starts_with("docker://"))
    return reference;
  return image::in_store(*reference);
}

Result<void> check_wrapped(const image::Image& image, const std::string& name) {
  if (image.config.labels.contains(std::string(wrap::kVersionLabel))) return {};
  return base::fail(ErrorKind::usage, name + " was not made by \"blindbox build\"", "",
                    "blindbox build --source-image " + name + " --tag TAG");
}

}  // namespace blindbox::apps
