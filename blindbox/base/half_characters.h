// SPDX-License-Identifier: Apache-2.0
// Escapes in JSON that tell half a character.
#pragma once

#include <string>
#include <string_view>

namespace blindbox::base {

// Editors count in UTF-16 and may cut a character of two units apart; JavaScript sends the half as an escape (RFC 8259,
// section 8.2), which readers of JSON refuse. The same text with U+FFFD, as "\ufffd", in the place of each, which it
// would become on the way to UTF-8: not a byte longer or shorter. Empty where no escape could be one.
[[nodiscard]] std::string without_half_characters(std::string_view json);

}  // namespace blindbox::base
