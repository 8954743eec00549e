// SPDX-License-Identifier: Apache-2.0
// JSON from outside, read strictly.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "blindbox/base/bytes.h"

namespace blindbox::fetch {

using Json = nlohmann::json;

// An object. ErrorKind::limit past cap bytes, ErrorKind::malformed for what is no JSON, has a key twice or is nested
// more than 32 deep; what is how messages begin.
[[nodiscard]] Result<Json> parse_json(ByteView bytes, std::size_t cap, const std::string& what);

// The member's text; "" where there is none or it is null. ErrorKind::malformed for another type.
[[nodiscard]] Result<std::string> text_of(const Json& object, const char* key);

// For messages: short, without control characters.
[[nodiscard]] std::string shown(std::string_view text);

}  // namespace blindbox::fetch
