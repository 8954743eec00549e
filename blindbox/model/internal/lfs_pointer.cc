// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/internal/lfs_pointer.h"

namespace blindbox::model::internal {

Result<void> refuse_pointer(ByteView start, const std::string& path) {
  if (!base::as_text(start).starts_with("version https://git-lfs.github.com/spec/")) return {};
  return base::fail(ErrorKind::model, path + " is a pointer of Git's large file storage, not the file itself",
                    "the repository was cloned without git-lfs",
                    "run \"git lfs pull\" in the folder, or fetch the model with \"blindbox model pull\"");
}

}  // namespace blindbox::model::internal
