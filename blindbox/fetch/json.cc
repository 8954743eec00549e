// SPDX-License-Identifier: Apache-2.0
#include "blindbox/fetch/json.h"

#include <algorithm>

#include "blindbox/base/json_watch.h"

namespace blindbox::fetch {

using base::fail;

Result<Json> parse_json(ByteView bytes, std::size_t cap, const std::string& what) {
  if (bytes.size() > cap) {
    return fail(ErrorKind::limit, what + " has more than " + std::to_string(cap) + " bytes");
  }
  constexpr int kMaxDepth = 32;
  base::JsonWatch watch(kMaxDepth);
  const std::string_view text = base::as_text(bytes);
  Json parsed = Json::parse(text.begin(), text.end(), std::ref(watch), false);
  if (watch.key_twice()) return fail(ErrorKind::malformed, what + " has a key twice");
  if (watch.too_deep()) return fail(ErrorKind::malformed, what + " is nested too deep");
  if (parsed.is_discarded()) return fail(ErrorKind::malformed, what + " is not JSON");
  if (!parsed.is_object()) return fail(ErrorKind::malformed, what + " is no JSON object");
  return parsed;
}

Result<std::string> text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return fail(ErrorKind::malformed, std::string("\"") + key + "\" is no text");
  return found->get<std::string>();
}

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 120;
  std::string out(text.substr(0, kMost));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text.size() > kMost ? out + "..." : out;
}

}  // namespace blindbox::fetch
