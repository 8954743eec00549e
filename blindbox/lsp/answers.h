// SPDX-License-Identifier: Apache-2.0
// A suggestion in the two forms that the protocol has for it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "blindbox/lsp/desk.h"

namespace blindbox::lsp {

// The result of textDocument/inlineCompletion (an InlineCompletionList) or, where wanted.classic, of
// textDocument/completion (a CompletionList with one item, marked incomplete so that it is asked for again).
[[nodiscard]] nlohmann::json make_answer(const Wanted& wanted, const std::string& text, Encoding encoding);

}  // namespace blindbox::lsp
