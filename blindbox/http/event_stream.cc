// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/event_stream.h"

#include <utility>

namespace blindbox::http {

std::vector<std::string> EventStream::feed(std::string_view piece) {
  std::vector<std::string> events;
  for (const char c : piece) {
    if (c != '\n') {
      line_ += c;
      continue;
    }
    std::string line = std::exchange(line_, {});
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) {
      if (std::exchange(has_data_, false)) events.push_back(std::exchange(data_, {}));
    } else if (line.starts_with("data:")) {
      line.erase(0, line.starts_with("data: ") ? 6 : 5);
      data_ += has_data_ ? "\n" + line : line;
      has_data_ = true;
    }
  }
  return events;
}

}  // namespace blindbox::http
