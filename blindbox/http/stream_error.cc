// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/stream_error.h"

#include <nlohmann/json.hpp>

#include "blindbox/http/error_body.h"

namespace blindbox::http {
namespace {

// Text of the far end may be in it: what is not UTF-8 is replaced.
std::string compact(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string stream_error(std::string_view target, std::string_view content_type, const Error& error) {
  std::string message = error.what;
  if (!error.detail.empty()) message += ": " + error.detail;
  if (!error.hint.empty()) message += " (" + error.hint + ")";
  const std::string_view path = target.substr(0, target.find('?'));
  // What came before may have been half an event or half a line: an empty line ends it first.
  if (content_type.starts_with("text/event-stream")) {
    if (path.ends_with("/generate_stream")) {
      return "\n\ndata:" + compact({{"error", message}, {"error_type", "incomplete_generation"}}) + "\n\n";
    }
    return "\n\ndata: " + error_response("/", 502, "stream_broken", error).body + "\n\n";
  }
  if (content_type.starts_with("application/x-ndjson")) return "\n" + compact({{"error", message}}) + "\n";
  return {};
}

}  // namespace blindbox::http
