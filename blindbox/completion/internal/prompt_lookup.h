// SPDX-License-Identifier: Apache-2.0
// Prompt lookup: what followed the last time that the text ended like this, as a guess that the model checks in one
// step. Code repeats itself.
#pragma once

#include "blindbox/completion/fim_prompt.h"

namespace blindbox::completion {

// At most count tokens; none where the last ones have not occurred before.
[[nodiscard]] Tokens look_up_draft(const Tokens& tokens, std::size_t count);

}  // namespace blindbox::completion
