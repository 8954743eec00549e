// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/message.h"

#include <array>
#include <cctype>
#include <functional>

#include "blindbox/base/json_watch.h"

namespace blindbox::lsp {
namespace {

// The value of "\uXXXX" at text[at], 0 where there is none; 0 is no surrogate.
unsigned escape_at(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return 0;
  unsigned value = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (std::isxdigit(c) == 0) return 0;
    value = value * 16 + static_cast<unsigned>(std::isdigit(c) != 0 ? c - '0' : std::tolower(c) - 'a' + 10);
  }
  return value;
}

bool is_high(unsigned value) { return value >= 0xD800 && value < 0xDC00; }
bool is_low(unsigned value) { return value >= 0xDC00 && value < 0xE000; }

// Escapes of halves alone become those of U+FFFD, of the same length.
std::string mend_surrogates(std::string text) {
  for (std::size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    const unsigned value = escape_at(text, at);
    if (is_high(value) && is_low(escape_at(text, at + 6))) {
      at += 12;
      continue;
    }
    if (is_high(value) || is_low(value)) text.replace(at, 6, "\\ufffd");
    at += 2;
  }
  return text;
}

Result<json> parse_json(std::string_view content) {
  base::JsonWatch watch(kDepthCap);
  json parsed = json::parse(content, std::ref(watch), false);
  if (watch.too_deep()) return base::fail(ErrorKind::malformed, "a message is nested too deeply");
  if (watch.key_twice()) return base::fail(ErrorKind::malformed, "a message has a key twice");
  if (parsed.is_discarded()) return base::fail(ErrorKind::malformed, "a message is not JSON");
  return parsed;
}

bool is_id(const json& id) { return id.is_string() || id.is_number_integer(); }

}  // namespace

Result<Message> parse_message(std::string_view content) {
  auto parsed = parse_json(content);
  if (!parsed) parsed = parse_json(mend_surrogates(std::string(content)));
  if (!parsed) return base::pass_on(parsed);
  json& root = *parsed;
  if (!root.is_object()) return base::fail(ErrorKind::protocol, "a message is not an object");
  Message message;
  if (root.contains("id")) message.id = root["id"];
  if (root.contains("params")) message.params = std::move(root["params"]);
  if (!root.contains("method")) {
    if (!is_id(message.id) && !message.id.is_null()) return base::fail(ErrorKind::protocol, "a message has no method");
    if (!root.contains("result") && !root.contains("error")) {
      return base::fail(ErrorKind::protocol, "a message has no method");
    }
    message.kind = Message::Kind::response;
    if (root.contains("result")) message.result = std::move(root["result"]);
    return message;
  }
  if (!root["method"].is_string()) return base::fail(ErrorKind::protocol, "a method is not a string");
  message.method = root["method"].get<std::string>();
  if (root.contains("id")) {
    if (!is_id(message.id)) return base::fail(ErrorKind::protocol, "an id is neither a string nor an integer");
    message.kind = Message::Kind::request;
  }
  return message;
}

json make_result(const json& id, json result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

json make_error(const json& id, Code code, std::string message) {
  return {
      {"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", static_cast<int>(code)}, {"message", std::move(message)}}}};
}

json make_notification(std::string method, json params) {
  return {{"jsonrpc", "2.0"}, {"method", std::move(method)}, {"params", std::move(params)}};
}

json make_request(const json& id, std::string method, json params) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"method", std::move(method)}, {"params", std::move(params)}};
}

std::string write(const json& message) { return message.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace blindbox::lsp
