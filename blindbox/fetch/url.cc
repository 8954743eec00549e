// SPDX-License-Identifier: Apache-2.0
#include "blindbox/fetch/url.h"

#include <algorithm>

#include "blindbox/fetch/json.h"

namespace blindbox::fetch {
namespace {

using base::fail;

constexpr std::uint16_t kHttps = 443;
constexpr std::uint16_t kHttp = 80;
constexpr std::size_t kLongest = 8000;

tl::unexpected<Error> bad(std::string_view text) {
  return fail(ErrorKind::protocol, "not a URL that can be followed: \"" + shown(text) + "\"");
}

}  // namespace

std::string Url::authority() const {
  const std::string text = at.text();
  return at.port == (tls ? kHttps : kHttp) ? text.substr(0, text.rfind(':')) : text;
}

std::string Url::origin() const { return (tls ? "https://" : "http://") + authority(); }

Result<Url> parse_web_url(std::string_view text) {
  const bool tls = text.starts_with("https://");
  if (!tls && !text.starts_with("http://")) return bad(text);
  const bool clean = text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char c) {
                       return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
                     });
  if (!clean) return bad(text);
  text = text.substr(0, text.find('#'));
  const std::size_t begin = tls ? 8 : 7;
  const std::size_t end = std::min(text.find_first_of("/?", begin), text.size());
  auto at = net::parse_url(text.substr(0, end), tls ? "https" : "http", tls ? kHttps : kHttp);
  if (!at || text.substr(begin, end - begin).find('@') != std::string_view::npos) return bad(text);
  std::transform(at->host.begin(), at->host.end(), at->host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  std::string target(text.substr(end));
  if (!target.starts_with('/')) target.insert(0, "/");
  return Url{tls, std::move(*at), std::move(target)};
}

Result<Url> resolve(const Url& base, std::string_view reference) {
  if (reference.starts_with("https://") || reference.starts_with("http://")) return parse_web_url(reference);
  if (reference.starts_with("//")) return parse_web_url((base.tls ? "https:" : "http:") + std::string(reference));
  if (reference.starts_with('/')) return parse_web_url(base.origin() + std::string(reference));
  const std::size_t scheme = reference.find(':');
  if (reference.empty() || (scheme != std::string_view::npos && scheme < reference.find_first_of("/?"))) {
    return bad(reference);
  }
  const std::string path = base.target.substr(0, base.target.find('?'));
  return parse_web_url(base.origin() + path.substr(0, path.rfind('/') + 1) + std::string(reference));
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    }
  }
  return out;
}

std::string with_query(const std::string& target, std::string_view key, std::string_view value) {
  return target + (target.find('?') == std::string::npos ? "?" : "&") + std::string(key) + "=" + percent_encode(value);
}

}  // namespace blindbox::fetch
