// SPDX-License-Identifier: Apache-2.0
// Where blindbox-init lies: the static program that goes into every wrapped
// image.
#pragma once

#include <string>

#include "blindbox/base/bytes.h"

namespace blindbox::apps {

// path, or where that is empty init/blindbox-init beside this binary (a build tree)
// or in ../lib/blindbox (an installation). ErrorKind::io, naming where it was
// looked for; ErrorKind::limit above 15 MB, which no blindbox-init has.
[[nodiscard]] Result<Bytes> load_init_program(const std::string& path);

}  // namespace blindbox::apps
