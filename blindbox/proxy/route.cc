// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/route.h"

#include <algorithm>
#include <array>

#include "blindbox/proxy/proxy.h"

namespace blindbox::proxy {

bool is_server_name(std::string_view name) {
  constexpr std::size_t kLongest = 32;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kLongest && plain(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return plain(c) || c == '-' || c == '_'; });
}

Result<std::string> take_route(http::RequestHead& head) {
  std::string name;
  bool twice = false;
  std::erase_if(head.fields, [&](const auto& field) {
    if (!http::equal_names(field.first, kServerField)) return false;
    twice = twice || (!name.empty() && name != field.second);
    name = field.second;
    return true;
  });
  if (head.target.starts_with("/@")) {
    const auto end = std::min(head.target.find_first_of("/?", 1), head.target.size());
    const std::string chosen = head.target.substr(2, end - 2);
    twice = twice || (!name.empty() && name != chosen);
    name = chosen;
    head.target.erase(0, end);
    if (!head.target.starts_with('/')) head.target.insert(0, "/");
    if (!is_server_name(name)) return base::fail(ErrorKind::protocol, "the path's /@NAME/ names no server");
  }
  if (twice) return base::fail(ErrorKind::protocol, "the request names two servers");
  if (!name.empty() && !is_server_name(name)) {
    return base::fail(ErrorKind::protocol, "the field Blindbox-Server names no server");
  }
  return name;
}

bool may_repeat(const http::RequestHead& head) {
  constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"};
  constexpr std::array<std::string_view, 6> kPaths = {"/infill",          "/completion",   "/generate",
                                                      "/generate_stream", "/api/generate", "/api/chat"};
  const std::string_view path = std::string_view(head.target).substr(0, head.target.find('?'));
  return std::ranges::find(kMethods, head.method) != kMethods.end() ||
         (head.method == "POST" &&  // OpenAI's clients have bases of many kinds before theirs
          (path.ends_with("/completions") || std::ranges::find(kPaths, path) != kPaths.end()));
}

}  // namespace blindbox::proxy
