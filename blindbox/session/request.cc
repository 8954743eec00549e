// SPDX-License-Identifier: Apache-2.0
#include "blindbox/session/request.h"

#include <algorithm>

#include "blindbox/http/limits.h"

namespace blindbox::session {
namespace {

using base::fail;

constexpr std::size_t kMostFields = 256;

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u >= 0x20 || c == '\t') && u != 0x7F;
  });
}

bool is_target(std::string_view text) {
  return !text.empty() && text.front() == '/' &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F && c != '#'; });
}

Result<void> check_body(const Request& request) {
  const bool whole = !request.more && request.framing.kind == http::Framing::Kind::length;
  const bool fits = !whole || request.body.size() == request.framing.length;
  const bool has_framing = request.framing.kind != http::Framing::Kind::none || (request.body.empty() && !request.more);
  if (fits && has_framing) return {};
  return fail(ErrorKind::usage, "the body and its stated length differ",
              std::to_string(request.body.size()) + " bytes, stated " + std::to_string(request.framing.length));
}

}  // namespace

Result<void> check_request(const Request& request) {
  if (!is_token(request.method) || request.method == "TRACE" || request.method == "CONNECT") {
    return fail(ErrorKind::usage, "this method cannot be sent");
  }
  if (!is_target(request.target)) {
    return fail(ErrorKind::usage, "the request target is no path of visible ASCII", "", "percent-encode what is not");
  }
  if (request.target.size() > http::kTargetLimit) return fail(ErrorKind::limit, "the request target is too long");
  if (request.target.starts_with("/.well-known/blindbox/")) {
    return fail(ErrorKind::forbidden, "this path belongs to the attested channel and is not sent to");
  }
  if (request.fields.size() > kMostFields) return fail(ErrorKind::limit, "the request has too many header fields");
  std::size_t size = request.method.size() + request.target.size();
  for (const auto& [name, value] : request.fields) {
    if (!is_token(name)) return fail(ErrorKind::usage, "a header field has a name that cannot be sent");
    if (!is_value(value)) return fail(ErrorKind::usage, "the header field " + name + " holds a control character");
    size += name.size() + value.size() + 4;
  }
  // What the writer adds itself fits into the rest.
  if (size > http::kHeadLimit - 512) {
    return fail(ErrorKind::limit, "the head of the request is larger than a server takes",
                std::to_string(size) + " bytes of " + std::to_string(http::kHeadLimit));
  }
  return check_body(request);
}

}  // namespace blindbox::session
