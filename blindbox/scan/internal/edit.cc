// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/internal/edit.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/scan/internal/strings.h"

namespace blindbox::scan::internal {
namespace {

using Json = nlohmann::ordered_json;

// Recursion is bounded: each_string has refused what is deeper than kDepth.
class Editor {
 public:
  Editor(const Rules* rules, IgnoreList& ignore) : rules_(rules), ignore_(ignore) {}

  // False where value itself must go.
  bool edit(Json& value) {
    if (value.is_string()) edit_text(value.get_ref<std::string&>());
    if (value.is_array()) std::erase_if(value.get_ref<Json::array_t&>(), [this](Json& item) { return !edit(item); });
    if (!value.is_object()) return true;
    Json out = Json::object();
    for (auto& [name, member] : value.get_ref<Json::object_t&>()) {
      if (member.is_string() && names_file(name) && ignore_.ignores(member.get_ref<const std::string&>())) return false;
      if (!edit(member)) return false;
      std::string key = name;
      edit_text(key);
      out[key] = std::move(member);
    }
    value = std::move(out);
    return true;
  }

 private:
  void edit_text(std::string& text) const {
    if (rules_ == nullptr) return;
    if (const auto found = rules_->find(text); !found.empty()) text = redact(text, found);
  }
  const Rules* rules_;
  IgnoreList& ignore_;
};

}  // namespace

std::string redact(std::string_view text, const std::vector<Secret>& secrets) {
  std::string out;
  std::size_t at = 0;
  for (const Secret& secret : secrets) {
    const std::size_t end = secret.offset + secret.size;
    if (end <= at) continue;
    if (secret.offset >= at) {
      out += text.substr(at, secret.offset - at);
      out += "[redacted " + secret.rule + "]";
    }
    at = end;
  }
  out += text.substr(at);
  return out;
}

std::optional<std::string> edited(std::string_view json, const Rules* rules, IgnoreList& ignore) {
  Json root = Json::parse(json, nullptr, false);
  if (root.is_discarded() || !Editor(rules, ignore).edit(root)) return std::nullopt;
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace blindbox::scan::internal
