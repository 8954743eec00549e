// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/settings.h"

#include <set>

namespace blindbox::lsp {
namespace {

using nlohmann::json;

class Values {
 public:
  Values(const json& values, std::vector<std::string>& complaints) : values_(values), complaints_(complaints) {}

  void flag(const char* name, bool& into) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (value->is_boolean()) {
      into = value->get<bool>();
    } else {
      complain(name, "is neither true nor false");
    }
  }

  template <typename T>
  void number(const char* name, std::size_t least, std::size_t most, T& into) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (value->is_number_integer() && *value >= least && *value <= most) {
      into = static_cast<T>(value->get<std::size_t>());
    } else {
      complain(name, "is no whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
  }

  void name_strangers() {
    for (const auto& [name, value] : values_.items()) {
      if (!known_.contains(name)) complain(name, "is no setting of blindbox lsp");
    }
  }

 private:
  const json* find(const char* name) {
    known_.insert(name);
    const auto found = values_.find(name);
    return found == values_.end() || found->is_null() ? nullptr : &*found;
  }
  void complain(const std::string& name, const std::string& why) {
    if (complaints_.size() < 16) complaints_.push_back("the setting blindbox." + name.substr(0, 64) + ' ' + why);
  }

  const json& values_;
  std::vector<std::string>& complaints_;
  std::set<std::string> known_;
};

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostMilliseconds = 60'000;

}  // namespace

ReadSettings read_settings(const json& values, Settings before) {
  ReadSettings read{before, {}};
  if (values.is_null()) return read;
  if (!values.is_object()) {
    read.complaints.emplace_back("the settings under \"blindbox\" are no object");
    return read;
  }
  Values from(values, read.complaints);
  Settings& into = read.settings;
  from.flag("enabled", into.enabled);
  from.flag("automatic", into.automatic);
  from.flag("multiLine", into.multi_line);
  std::size_t debounce = static_cast<std::size_t>(into.debounce.count());
  std::size_t budget = static_cast<std::size_t>(into.time_budget.count());
  from.number("debounceMs", 0, kMostMilliseconds, debounce);
  from.number("maxMs", 0, kMostMilliseconds, budget);
  into.debounce = std::chrono::milliseconds(debounce);
  into.time_budget = std::chrono::milliseconds(budget);
  from.number("maxTokens", 1, 4096, into.max_tokens);
  from.number("prefixBytes", 1, kMostBytes, into.prefix_bytes);
  from.number("suffixBytes", 0, kMostBytes, into.suffix_bytes);
  from.number("neighbourBytes", 0, kMostBytes, into.neighbour_bytes);
  from.name_strangers();
  return read;
}

}  // namespace blindbox::lsp
