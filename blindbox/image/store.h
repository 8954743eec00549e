// SPDX-License-Identifier: Apache-2.0
// The images of this machine's user: an OCI layout whose ref.names are full names.
#pragma once

#include "blindbox/image/reference.h"

namespace blindbox::image {

// $BLINDBOX_STORE, else $XDG_DATA_HOME/blindbox/images, else $HOME/.local/share/blindbox/images. ErrorKind::usage where
// none of them is an absolute path.
[[nodiscard]] Result<std::string> store_folder();

// Where the store keeps an image of that name: an oci_layout reference, for open_source and open_target (which makes
// the folder). Of references with other transports ErrorKind::usage.
[[nodiscard]] Result<Reference> in_store(const Reference& registry);

}  // namespace blindbox::image
