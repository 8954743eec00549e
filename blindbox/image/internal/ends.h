// SPDX-License-Identifier: Apache-2.0
// The ends that open_source and open_target choose between.
#pragma once

#include "blindbox/image/transfer.h"

namespace blindbox::image::internal {

// A file of an OCI layout by its path within it; ErrorKind::io where there is none.
using OpenFile = std::function<Result<Blob>(const std::string& path)>;
// where is for messages. names are the annotations that may hold an image's name, the best one first.
[[nodiscard]] Result<std::unique_ptr<Source>> make_layout_source(OpenFile open, std::string where, std::string name,
                                                                 std::vector<std::string> names);

[[nodiscard]] Result<std::unique_ptr<Source>> open_layout_source(const Reference& reference);
[[nodiscard]] Result<std::unique_ptr<Target>> open_layout_target(const Reference& reference);
[[nodiscard]] Result<std::unique_ptr<Source>> open_archive_source(const Reference& reference);
[[nodiscard]] Result<std::unique_ptr<Target>> open_archive_target(const Reference& reference);
[[nodiscard]] Result<std::unique_ptr<Source>> open_registry_source(const Reference& reference, const Access& access);
[[nodiscard]] Result<std::unique_ptr<Target>> open_registry_target(const Reference& reference, const Access& access);

}  // namespace blindbox::image::internal
