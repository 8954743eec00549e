// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/origin.h"

#include <boost/asio/ip/address.hpp>

namespace blindbox::kds {
namespace {

constexpr std::uint16_t kHttpsPort = 443;
constexpr std::uint16_t kHttpPort = 80;

bool is_loopback(const std::string& host) {
  net::error_code error;
  const auto address = net::asio::ip::make_address(host, error);
  return host == "localhost" || (!error && address.is_loopback());
}

}  // namespace

std::string Origin::authority() const {
  const std::string text = at.text();
  return at.port == (tls ? kHttpsPort : kHttpPort) ? text.substr(0, text.rfind(':')) : text;
}

std::string Origin::url() const { return (tls ? "https://" : "http://") + authority(); }

Result<Origin> parse_origin(std::string_view url) {
  const bool tls = !url.starts_with("http://");
  auto at = net::parse_url(url, tls ? "https" : "http", tls ? kHttpsPort : kHttpPort);
  if (!at) return base::pass_on(at);
  if (!tls && !is_loopback(at->host)) {
    return base::fail(ErrorKind::usage, "plain HTTP only goes to this machine: " + std::string(url), "",
                      "write https://, or the loopback address of an emulator's key distribution service");
  }
  return Origin{tls, std::move(*at)};
}

}  // namespace blindbox::kds
