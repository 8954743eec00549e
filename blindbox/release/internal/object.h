// SPDX-License-Identifier: Apache-2.0
// Members of a JSON object as typed values. The first problem is kept and stops nothing; unknown members end at the
// comparison with the canonical form, which every document of ours goes through.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/base/clock.h"

namespace blindbox::release::internal {

using nlohmann::json;

// The largest whole number that every reader of JSON takes exactly (RFC 8785, appendix D).
inline constexpr std::uint64_t kMostNumber = (std::uint64_t{1} << 53) - 1;

template <std::size_t N>
[[nodiscard]] std::optional<ByteArray<N>> read_hex(const json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() != 2 * N) return std::nullopt;
  const auto bytes = base::from_hex(value.get_ref<const std::string&>());
  if (!bytes) return std::nullopt;
  ByteArray<N> out{};
  std::ranges::copy(*bytes, out.begin());
  return out;
}

class Object {
 public:
  explicit Object(const json& object) : object_(object) {
    if (!object.is_object()) problem_ = "no object";
  }
  [[nodiscard]] bool has(const char* name) const { return object_.is_object() && object_.contains(name); }
  [[nodiscard]] const json& member(const char* name) const {
    static const json none;
    return has(name) ? object_.at(name) : none;
  }
  void text(const char* name, std::string& out) {
    const json& value = member(name);
    if (!value.is_string()) return note(name);
    out = value.get<std::string>();
  }
  void number(const char* name, std::uint64_t& out) {
    const json& value = member(name);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMostNumber) return note(name);
    out = value.get<std::uint64_t>();
  }
  void time(const char* name, base::Time& out) {
    std::string text_value;
    text(name, text_value);
    const auto read = base::from_iso8601(text_value);
    if (!read) return note(name);
    out = *read;
  }
  template <std::size_t N>
  void hex(const char* name, ByteArray<N>& out) {
    const auto read = read_hex<N>(member(name));
    if (!read) return note(name);
    out = *read;
  }
  template <std::size_t N>
  void hexes(const char* name, std::vector<ByteArray<N>>& out) {
    for (const json& item : items(name)) {
      const auto read = read_hex<N>(item);
      if (!read) return note(name);
      out.push_back(*read);
    }
  }
  void texts(const char* name, std::vector<std::string>& out) {
    for (const json& item : items(name)) {
      if (!item.is_string()) return note(name);
      out.push_back(item.get<std::string>());
    }
  }
  // At most 1024; more is a problem, not a list.
  [[nodiscard]] const json& items(const char* name) {
    static const json none = json::array();
    const json& value = member(name);
    if (value.is_array() && value.size() <= 1024) return value;
    note(name);
    return none;
  }
  void note(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  const json& object_;
  std::string problem_;
};

// Keys in order, no blanks; whatever is no UTF-8 is replaced and then differs from what was read.
[[nodiscard]] inline std::string canonical(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

template <std::size_t N>
[[nodiscard]] json hex_list(const std::vector<ByteArray<N>>& values) {
  json out = json::array();
  for (const auto& value : values) out.push_back(base::to_hex(value));
  return out;
}

}  // namespace blindbox::release::internal
