// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/internal/strings.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace blindbox::scan::internal {
namespace {

constexpr std::array<std::string_view, 6> kFileMembers = {"filename", "filepath", "relativepath",
                                                          "path",     "file",     "uri"};

class Reader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(const std::function<void(const JsonString&)>& visit) : visit_(visit) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool string(string_t& text) override {
    visit_({text, !levels_.empty() && !levels_.back().list && names_file(levels_.back().key), &levels_});
    return value();
  }
  bool key(string_t& name) override {
    levels_.back().key = name;
    visit_({name, false, &levels_});
    return true;
  }
  bool start_object(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  bool value() {
    if (!levels_.empty() && levels_.back().list) ++levels_.back().index;
    return true;
  }
  bool open(bool list) {
    levels_.push_back({list, {}, 0});
    return levels_.size() <= kDepth;
  }
  bool close() {
    levels_.pop_back();
    return value();
  }
  const std::function<void(const JsonString&)>& visit_;
  std::vector<Level> levels_;
};

}  // namespace

// Member names come from outside and go into logs: a long or strange one is cut.
std::string JsonString::place() const {
  constexpr std::size_t kLongest = 40;
  std::string out;
  for (const Level& level : *path) {
    if (!out.empty()) out += '/';
    if (level.list) {
      out += std::to_string(level.index);
      continue;
    }
    for (const char c : level.key.substr(0, kLongest)) {
      const bool plain =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
      out += plain ? c : '?';
    }
  }
  return out;
}

bool names_file(std::string_view member) {
  std::string plain;
  for (const char c : member) {
    if (c != '_' && c != '-') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return std::ranges::find(kFileMembers, plain) != kFileMembers.end();
}

char first_of_json(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // readers of JSON overlook it
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? '\0' : text[first];
}

bool each_string(std::string_view json, const std::function<void(const JsonString&)>& visit) {
  const char first = first_of_json(json);
  if (first != '{' && first != '[' && first != '"') return false;
  Reader reader(visit);
  return nlohmann::json::sax_parse(json, &reader);
}

}  // namespace blindbox::scan::internal
