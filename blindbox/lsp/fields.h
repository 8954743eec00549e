// SPDX-License-Identifier: Apache-2.0
// Members of JSON values that came from outside: the type that was asked for, or nothing.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "blindbox/lsp/text.h"

namespace blindbox::lsp {

// The member, or null where value is no object or has none of that name.
[[nodiscard]] inline const nlohmann::json& member(const nlohmann::json& value, const char* name) {
  static const nlohmann::json kNull;
  if (!value.is_object()) return kNull;
  const auto found = value.find(name);
  return found == value.end() ? kNull : *found;
}

[[nodiscard]] inline std::optional<std::string> text_of(const nlohmann::json& value) {
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

// A whole number of 0 or more.
[[nodiscard]] inline std::optional<std::size_t> size_of(const nlohmann::json& value) {
  if (!value.is_number_integer() || value < 0) return std::nullopt;
  return value.get<std::size_t>();
}

[[nodiscard]] inline std::optional<Position> position_of(const nlohmann::json& value) {
  const auto line = size_of(member(value, "line"));
  const auto character = size_of(member(value, "character"));
  if (!line || !character) return std::nullopt;
  return Position{*line, *character};
}

struct Range {
  Position start;
  Position end;
};

[[nodiscard]] inline std::optional<Range> range_of(const nlohmann::json& value) {
  const auto start = position_of(member(value, "start"));
  const auto end = position_of(member(value, "end"));
  if (!start || !end) return std::nullopt;
  return Range{*start, *end};
}

[[nodiscard]] inline nlohmann::json to_json(Position position) {
  return {{"line", position.line}, {"character", position.character}};
}

[[nodiscard]] inline nlohmann::json to_json(const Range& range) {
  return {{"start", to_json(range.start)}, {"end", to_json(range.end)}};
}

}  // namespace blindbox::lsp
