// SPDX-License-Identifier: Apache-2.0
// What the commands about images share: how they reach images, and how they
// show what is under way.
#pragma once

#include "blindbox/image/store.h"
#include "blindbox/image/transfer.h"
#include "command.h"
#include "transfer_progress.h"

namespace blindbox::apps {

struct ImageOptions {
  bool plain_http = false;
};
void add_image_options(CLI::App& command, ImageOptions& options);

[[nodiscard]] image::Access access(const ImageOptions& options);

// A tag as people give it: a bare name is the local store's, everything else is
// where it says.
[[nodiscard]] Result<image::Reference> tag_reference(const std::string& tag);

// Says why, where the image was not made by "blindbox build": ErrorKind::usage.
[[nodiscard]] Result<void> check_wrapped(const image::Image& image, const std::string& name);

}  // namespace blindbox::apps
