// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/error_body.h"

#include <nlohmann/json.hpp>

namespace blindbox::http {

Response error_response(std::string_view target, unsigned status, std::string_view type, const Error& error) {
  std::string message = error.what;
  if (!error.detail.empty()) message += ": " + error.detail;
  if (!error.hint.empty()) message += " (" + error.hint + ")";
  const std::string_view path = target.substr(0, target.find('?'));
  const char* const tgi = status == 429 || status == 503 ? "overloaded" : status < 500 ? "validation" : "generation";
  nlohmann::json body;
  if (path == "/generate") {
    body = {{"detail", message}, {"error", message}, {"error_type", tgi}};
  } else if (path == "/generate_stream") {
    body = {{"error", message}, {"error_type", tgi}};
  } else if (path.starts_with("/api/")) {
    body = {{"error", message}};
  } else {
    body = {{"error", {{"code", status}, {"message", message}, {"type", type}}}};
  }
  // Text from outside may be in the message: what is not UTF-8 in it is replaced, never thrown at.
  Response response{
      status, "application/json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), {}};
  if (status == 429 || status == 503) response.fields.emplace_back("Retry-After", "2");
  return response;
}

unsigned status_for(const Error& error) {
  switch (error.kind) {
    case ErrorKind::limit:
      if (error.what.starts_with("the request took too long")) return 408;
      if (error.what.starts_with("the request target")) return 414;
      return error.what.starts_with("the head") ? 431 : 413;
    case ErrorKind::network: return 408;
    case ErrorKind::protocol:
    case ErrorKind::malformed: return 400;
    default: return 500;
  }
}

}  // namespace blindbox::http
