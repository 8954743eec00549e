// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/errors.h"

#include "blindbox/api/internal/common.h"

namespace blindbox::api {
namespace {

using internal::ordered_json;

std::string message_of(const Error& error) {
  std::string message = error.what;
  if (!error.detail.empty()) message += ": " + error.detail;
  if (!error.hint.empty()) message += " (" + error.hint + ")";
  return message;
}

// TGI's four words: what was asked, too much at once, the model, an answer that broke off.
const char* tgi_type(const Failure& failure) {
  if (failure.status == 429 || failure.status == 503) return "overloaded";
  return failure.status >= 400 && failure.status < 500 && failure.status != 424 ? "validation" : "generation";
}

ordered_json body_of(const Failure& failure, Shape shape) {
  const std::string message = message_of(failure.error);
  switch (shape) {
    case Shape::ollama: return {{"error", message}};
    case Shape::tgi: return {{"error", message}, {"error_type", tgi_type(failure)}};
    case Shape::generate: return {{"error", message}, {"error_type", tgi_type(failure)}, {"detail", message}};
    default: break;
  }
  return {{"error", {{"code", failure.status}, {"message", message}, {"type", failure.type}}}};
}

}  // namespace

Failure failure_of(Error error, Shape shape) {
  const bool tgi = shape == Shape::tgi || shape == Shape::generate;
  switch (error.kind) {
    case ErrorKind::malformed: return {tgi ? 422U : 400U, "invalid_request_error", std::move(error), 0};
    case ErrorKind::limit:
      // With a hint it is the queue's: come again. Without one it is the prompt's.
      if (!error.hint.empty()) return {tgi ? 429U : 503U, "unavailable_error", std::move(error), 2};
      return {tgi ? 422U : 400U, "exceed_context_size_error", std::move(error), 0};
    case ErrorKind::model: return {tgi ? 424U : 501U, "not_supported_error", std::move(error), 0};
    case ErrorKind::cancelled: return {503, "unavailable_error", std::move(error), 2};
    default: return {500, "server_error", std::move(error), 0};
  }
}

http::Response refusal(const Failure& failure, Shape shape) {
  http::Response response{failure.status, "application/json", internal::compact(body_of(failure, shape)), {}};
  if (failure.retry_after > 0) response.fields.emplace_back("Retry-After", std::to_string(failure.retry_after));
  if (failure.status == 401) response.fields.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

std::string stream_error(const Failure& failure, Shape shape) {
  const std::string body = internal::compact(body_of(failure, shape));
  return shape == Shape::ollama ? body + "\n" : "data: " + body + "\n\n";
}

}  // namespace blindbox::api
