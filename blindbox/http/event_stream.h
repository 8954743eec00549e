// SPDX-License-Identifier: Apache-2.0
// Server-sent events, the receiving side: pieces of a body in, the data of whole events out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace blindbox::http {

class EventStream {
 public:
  // The data of every event that piece completes; several data lines are joined by a line break (HTML, 9.2.6).
  std::vector<std::string> feed(std::string_view piece);

 private:
  std::string line_;
  std::string data_;
  bool has_data_ = false;
};

}  // namespace blindbox::http
