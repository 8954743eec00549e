// SPDX-License-Identifier: Apache-2.0
// JSON-RPC 2.0 messages as LSP 3.18 uses them ("Base Protocol": no batches).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "blindbox/base/result.h"

namespace blindbox::lsp {

using nlohmann::json;

// Deeper than any message of the protocol: text documents are flat, settings and capabilities are not deep.
inline constexpr int kDepthCap = 64;

// LSP 3.18, "ErrorCodes".
enum class Code : int {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  server_not_initialized = -32002,
  content_modified = -32801,
  request_cancelled = -32800,
};

struct Message {
  enum class Kind { request, notification, response } kind = Kind::notification;
  json id;  // of requests and responses: a string or an integer
  std::string method;
  json params;  // an object, an array or null
  json result;  // of responses; null where it is an error
};

// ErrorKind::malformed where content is not JSON (detail: where), ErrorKind::protocol where it is no message. A surrogate
// without its other half, which JavaScript's strings can hold and UTF-8 cannot, is read as U+FFFD: the positions that the
// editor counts stay right, where a message that is dropped would make every later one wrong.
[[nodiscard]] Result<Message> parse_message(std::string_view content);

[[nodiscard]] json make_result(const json& id, json result);
[[nodiscard]] json make_error(const json& id, Code code, std::string message);
[[nodiscard]] json make_notification(std::string method, json params);
[[nodiscard]] json make_request(const json& id, std::string method, json params);
// On one line; what is not UTF-8 in it is replaced.
[[nodiscard]] std::string write(const json& message);

}  // namespace blindbox::lsp
