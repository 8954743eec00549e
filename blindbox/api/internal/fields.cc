// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/internal/fields.h"

#include <algorithm>
#include <cmath>

#include "blindbox/base/half_characters.h"
#include "blindbox/base/json_watch.h"

namespace blindbox::api {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxWord = 1024;                    // of a stop word
constexpr std::size_t kMaxWords = std::size_t{16} << 10;  // of all together: each is looked for with every token
// Each costs many times its two bytes once it is read: a body of nothing else would take hundreds of megabytes.
constexpr std::size_t kMaxValues = std::size_t{1} << 18;

tl::unexpected<Error> malformed(std::string what) { return base::fail(ErrorKind::malformed, std::move(what)); }

std::string quoted(const char* name) { return '"' + std::string(name) + '"'; }

}  // namespace

bool is_whole(const json& value) {
  if (!value.is_number_float()) return value.is_number_integer();
  const double number = value.get<double>();
  return std::trunc(number) == number && std::abs(number) <= 0x1p53;
}

bool are_token_ids(const json& list, std::size_t most) {
  return list.is_array() && list.size() <= most && std::all_of(list.begin(), list.end(), [](const json& id) {
           return is_whole(id) && id >= 0 && id < (1 << 30);
         });
}

Result<Fields> Fields::parse(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return malformed("the request has no body");
  base::JsonWatch watch(kMaxDepth);
  Fields fields;
  std::size_t values = 0;
  const auto bounded = [&](int depth, json::parse_event_t event, const json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::value || event == Event::object_start || event == Event::array_start) ++values;
    return watch(depth, event, parsed) && values <= kMaxValues;
  };
  try {
    const std::string mended = base::without_half_characters(text);
    fields.object_ = json::parse(mended.empty() ? text : mended, bounded, false);
  } catch (const std::exception&) {
    return malformed("the request is not valid JSON");
  }
  if (watch.too_deep()) return malformed("the request's JSON is nested too deeply");
  if (watch.key_twice()) return malformed("the request's JSON has a key twice");
  if (values > kMaxValues) return malformed("the request's JSON has too many values");
  if (fields.object_.is_discarded()) return malformed("the request is not valid JSON in UTF-8");
  if (!fields.object_.is_object()) return malformed("the request is not a JSON object");
  return fields;
}

const json& Fields::get(const char* name) const {
  static const json nothing;
  const auto found = object_.find(name);
  return found == object_.end() ? nothing : *found;
}

bool Fields::has(const char* name) const { return !get(name).is_null(); }

std::string Fields::text(const char* name) {
  const json& value = get(name);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_null()) refuse(quoted(name) + " must be a string");
  return {};
}

std::string Fields::required_text(const char* name) {
  if (!has(name)) refuse(quoted(name) + " is required");
  return text(name);
}

std::int64_t Fields::whole(const char* name, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const json& value = get(name);
  if (value.is_null()) return otherwise;
  const std::string bounds = " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  // What does not fit into 64 bits with a sign is out of every bound of ours.
  const bool fits = is_whole(value) &&
                    (!value.is_number_unsigned() || value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most));
  if (!fits || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most) {
    refuse(quoted(name) + bounds);
    return otherwise;
  }
  return value.get<std::int64_t>();
}

double Fields::number(const char* name, double otherwise, double least, double most) {
  const json& value = get(name);
  if (value.is_null()) return otherwise;
  const double number = value.is_number() ? value.get<double>() : least - 1;
  if (number >= least && number <= most) return number;
  refuse(quoted(name) + " must be a number from " + json(least).dump() + " to " + json(most).dump());
  return otherwise;
}

bool Fields::flag(const char* name, bool otherwise) {
  const json& value = get(name);
  if (value.is_boolean()) return value.get<bool>();
  if (!value.is_null()) refuse(quoted(name) + " must be true or false");
  return otherwise;
}

std::vector<std::string> Fields::texts(const char* name, std::size_t most) {
  const json& value = get(name);
  if (value.is_null()) return {};
  const json list = value.is_string() ? json::array({value}) : value;
  std::vector<std::string> out;
  std::size_t bytes = 0;
  bool good = list.is_array() && list.size() <= most;
  for (std::size_t i = 0; good && i < list.size(); ++i) {
    good = list[i].is_string() && list[i].get_ref<const std::string&>().size() <= kMaxWord;
    if (!good || list[i].get_ref<const std::string&>().empty()) continue;
    out.push_back(list[i].get<std::string>());
    bytes += out.back().size();
  }
  if (good && bytes <= kMaxWords) return out;
  refuse(quoted(name) + " must be a string or at most " + std::to_string(most) + " strings, none longer than " +
         std::to_string(kMaxWord) + " bytes and all together no longer than " + std::to_string(kMaxWords));
  return {};
}

Fields Fields::nested(const char* name) {
  Fields inner;
  const json& value = get(name);
  inner.object_ = value.is_object() ? value : json::object();
  if (!value.is_null() && !value.is_object()) refuse(quoted(name) + " must be an object");
  return inner;
}

void Fields::absorb(const Fields& inner) {
  if (!error_) error_ = inner.error_;
}

void Fields::refuse(std::string what) {
  if (!error_) error_ = Error{ErrorKind::malformed, std::move(what), {}, {}};
}

Result<void> Fields::done() const {
  if (error_) return tl::unexpected<Error>(*error_);
  return {};
}

}  // namespace blindbox::api
