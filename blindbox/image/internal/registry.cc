// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/registry.h"

#include <algorithm>

#include "blindbox/fetch/json.h"

namespace blindbox::image::internal {

using fetch::explain;
using fetch::parse_json;
using fetch::parse_web_url;
using fetch::percent_encode;
using fetch::shown;
using fetch::text_of;
using fetch::with_query;

namespace {

using base::fail;

constexpr unsigned kUnauthorized = 401;
constexpr unsigned kForbidden = 403;
constexpr std::size_t kTokenCap = std::size_t{256} << 10;

std::string basic(const Credentials& credentials) {
  return "Basic " + base::to_base64(base::view(credentials.user + ":" + credentials.password));
}

// What goes into a field must not bring fields of its own.
bool is_token(std::string_view text) {
  constexpr std::size_t kMost = 12 * 1024;
  return !text.empty() && text.size() <= kMost &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string parameter(const Challenge& challenge, const char* key) {
  const auto found = challenge.parameters.find(key);
  return found == challenge.parameters.end() ? "" : found->second;
}

}  // namespace

Result<std::unique_ptr<Registry>> Registry::open(const Reference& reference, const Access& access,
                                                 std::string actions) {
  auto url = parse_web_url((access.plain_http_on_loopback ? "http://" : "https://") + api_host(reference.host));
  if (!url) return fail(ErrorKind::usage, "not the host of a registry: \"" + shown(reference.host) + "\"");
  return std::make_unique<Registry>(reference, std::move(*url), access, std::move(actions));
}

Url Registry::url(const std::string& below) const {
  Url out = web_.server();
  out.target = "/v2/" + reference_.repository + "/" + below;
  return out;
}

Error Registry::failure(const std::string& what, const WebAnswer& answer) const {
  if (answer.status == kUnauthorized || answer.status == kForbidden) {
    const bool known = credentials_ && !credentials_->empty();
    return {ErrorKind::forbidden, what + ": the registry refuses it", explain(answer),
            known
                ? "the credentials that were found for it do not suffice"
                : "log in with \"podman login\" or \"docker login\"; there are no credentials for " + reference_.host};
  }
  return {ErrorKind::network, what, explain(answer), ""};
}

Result<WebAnswer> Registry::ask(WebRequest request, bool repeat) {
  for (bool again = false;; again = true) {
    // A request may go to another host from the start: a registry's uploads do, where it says so.
    const bool ours = request.url.origin() == web_.server().origin();
    request.authorization = ours ? authorization_ : "";
    auto answer = repeat ? web_.ask(request) : web_.ask_once(request);
    const bool refused = answer && answer->status == kUnauthorized && answer->url.origin() == web_.server().origin();
    if (!refused || again || !ours) return answer;
    if (auto known = authenticate(*answer); !known) return base::pass_on(known);
    if (authorization_.empty()) return answer;
  }
}

Result<void> Registry::authenticate(const WebAnswer& refusal) {
  authorization_.clear();
  if (!credentials_) {
    credentials_ = find_credentials(reference_.host, reference_.repository, access_.warn);
  }
  std::vector<Challenge> challenges;
  for (const auto& [name, value] : refusal.fields) {
    if (!http::equal_names(name, "www-authenticate")) continue;
    for (Challenge& challenge : parse_challenges(value)) challenges.push_back(std::move(challenge));
  }
  for (const Challenge& challenge : challenges) {
    if (challenge.scheme != "bearer") continue;
    auto token = fetch_token(challenge);
    if (!token) return base::pass_on(token);
    authorization_ = "Bearer " + *token;
    return {};
  }
  const bool wants_basic = std::any_of(challenges.begin(), challenges.end(),
                                       [](const Challenge& challenge) { return challenge.scheme == "basic"; });
  if (wants_basic && !credentials_->user.empty()) authorization_ = basic(*credentials_);
  return {};
}

Result<WebRequest> Registry::token_request(const Challenge& challenge) {
  auto realm = parse_web_url(parameter(challenge, "realm"));
  if (!realm) return base::pass_on(realm);
  if (auto allowed = web_.may_go(*realm); !allowed) return base::pass_on(allowed);
  const std::string service = parameter(challenge, "service");
  const std::string scope = "repository:" + reference_.repository + ":" + actions_;
  WebRequest request;
  request.url = std::move(*realm);
  request.cap = kTokenCap;
  if (!credentials_->identity_token.empty()) {
    request.method = "POST";
    request.fields.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = "grant_type=refresh_token&client_id=blindbox&service=" + percent_encode(service) +
                   "&scope=" + percent_encode(scope) + "&refresh_token=" + percent_encode(credentials_->identity_token);
    return request;
  }
  if (!service.empty()) request.url.target = with_query(request.url.target, "service", service);
  request.url.target = with_query(request.url.target, "scope", scope);
  if (!credentials_->user.empty()) request.authorization = basic(*credentials_);
  return request;
}

Result<std::string> Registry::fetch_token(const Challenge& challenge) {
  auto request = token_request(challenge);
  if (!request) return base::pass_on(request);
  auto answer = web_.ask(*request);
  if (!answer) return base::pass_on(answer);
  constexpr unsigned kOk = 200;
  if (answer->status != kOk) return tl::unexpected(failure("there is no token for " + reference_.full_name(), *answer));
  auto parsed = parse_json(base::view(answer->body), kTokenCap, "the token's answer");
  if (!parsed) return base::pass_on(parsed);
  for (const char* const key : {"token", "access_token"}) {
    auto token = text_of(*parsed, key);
    if (token && is_token(*token)) return token;
  }
  return fail(ErrorKind::protocol, answer->url.authority() + " answered without a token that can be used");
}

}  // namespace blindbox::image::internal
