// SPDX-License-Identifier: Apache-2.0
// JSON of unknown origin, read strictly.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "blindbox/base/bytes.h"

namespace blindbox::intake::internal {

inline constexpr int kMostJsonDepth = 16;

// Nothing where it is not JSON (or not UTF-8). Malformed: larger than kJsonCap, nested deeper than kMostJsonDepth, or a
// name that stands twice in one object, which two readers would read in two ways.
[[nodiscard]] Result<std::optional<nlohmann::json>> parse_json(std::string_view text);

// A value that stands for bytes: an array of numbers below 256, hexadecimal or base64 text.
[[nodiscard]] std::optional<Bytes> bytes_of(const nlohmann::json& value);

// The 1184 bytes of a report that a program wrote field by field: Rust's sev crate with serde, versions 1 to 7, as
// trustee's evidence carries it. Nothing where the object is no such report; malformed where a field is missing or
// does not fit. What those programs leave out is reserved, zero, and covered by the signature.
[[nodiscard]] Result<std::optional<Bytes>> report_from_fields(const nlohmann::json& object);

}  // namespace blindbox::intake::internal
