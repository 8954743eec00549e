// SPDX-License-Identifier: Apache-2.0
// Neighbouring files in front of a hole.
#pragma once

#include "blindbox/completion/fim_prompt.h"

namespace blindbox::completion::internal {

struct JoinedFiles {
  Tokens before;  // in front of the frame: repository header and files, for models that were trained with them
  Tokens inside;  // at the beginning of the prefix, for all others
};

// As many of the last files as fit whole into the budget, in their order; of one that alone is too long, its beginning.
[[nodiscard]] Result<JoinedFiles> join_files(const FimTokens& fim, const FimRequest& request, std::size_t budget,
                                             const Tokenize& tokenize);

}  // namespace blindbox::completion::internal
