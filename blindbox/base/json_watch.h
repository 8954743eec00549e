// SPDX-License-Identifier: Apache-2.0
// What makes JSON from outside ambiguous or too deep, noted while nlohmann's parser reads it:
//   JsonWatch watch(16);
//   auto parsed = json::parse(text, std::ref(watch), false);
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace blindbox::base {

class JsonWatch {
 public:
  explicit JsonWatch(int max_depth) : max_depth_(max_depth) {}

  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end && !keys_.empty()) keys_.pop_back();
    if (event == Event::key && !keys_.empty()) {
      key_twice_ = key_twice_ || !keys_.back().insert(parsed.get_ref<const std::string&>()).second;
    }
    too_deep_ = too_deep_ || depth > max_depth_;
    return !key_twice_ && !too_deep_;
  }
  [[nodiscard]] bool key_twice() const { return key_twice_; }
  [[nodiscard]] bool too_deep() const { return too_deep_; }

 private:
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
  int max_depth_;
  bool key_twice_ = false;
  bool too_deep_ = false;
};

}  // namespace blindbox::base
