// SPDX-License-Identifier: Apache-2.0
// Requests to one registry and to wherever it sends its clients, under rules that keep a registry from using a client
// against others: redirects lead up, never down, never into networks that the registry itself is not of, and no
// credential goes along to another host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>

#include "blindbox/http/client.h"
#include "blindbox/image/internal/url.h"
#include "blindbox/image/transfer.h"
#include "blindbox/net/address.h"

namespace blindbox::image::internal {

struct WebRequest {
  std::string method = "GET";
  Url url;
  http::Fields fields{};
  std::string authorization{};  // for the origin of url alone
  std::string body{};
  // In place of body: makes it anew for each attempt.
  std::function<std::function<Result<ByteView>()>()> make_body{};
  std::uint64_t body_size = 0;
  bool follow = false;  // redirects, of GET and HEAD
  // A body of status 200 or 206 goes there, after its head; false ends the exchange. Where there is none it is
  // collected.
  http::OnHead on_head{};
  http::OnPiece on_piece{};
  std::size_t cap = std::size_t{64} << 10;  // of what is collected
};

struct WebAnswer {
  unsigned status = 0;
  http::Fields fields;
  std::string body;  // collected
  Url url;           // that answered
  [[nodiscard]] std::string field(std::string_view name) const;
};

class Web {
 public:
  Web(Url registry, Access access) : registry_(std::move(registry)), access_(std::move(access)) {}

  // Once, redirects apart. ErrorKind::network for the connection, ErrorKind::forbidden for a redirect that is not
  // followed, ErrorKind::limit for an answer past its cap.
  [[nodiscard]] Result<WebAnswer> ask_once(WebRequest request);
  // As often as the limits say, while the server is busy or the network fails; then what came last.
  [[nodiscard]] Result<WebAnswer> ask(const WebRequest& request);
  // Waits before another attempt (from 0) if one makes sense after what happened; false where not.
  [[nodiscard]] bool pause(const Result<WebAnswer>& happened, unsigned attempt) const;

  [[nodiscard]] const Url& registry() const { return registry_; }
  [[nodiscard]] const Access& access() const { return access_; }
  // ErrorKind::forbidden for a URL that the registry may not send its clients to.
  [[nodiscard]] Result<void> may_go(const Url& url) const;

 private:
  struct Heard;
  net::Task<Result<WebAnswer>> exchange(WebRequest request);
  [[nodiscard]] net::AddressFilter filter_for(const Url& url);
  [[nodiscard]] bool is_registry(const Url& url) const { return url.origin() == registry_.origin(); }
  [[nodiscard]] Result<WebAnswer> run(net::Task<Result<WebAnswer>> task);

  Url registry_;
  Access access_;
  boost::asio::io_context loop_;
  std::unique_ptr<net::asio::ssl::context> tls_;  // made when it is needed first
  // Of the registry's addresses: global where any of them is.
  std::optional<net::AddressKind> kind_;
};

// For a message: the status, and what the registry says of it.
[[nodiscard]] std::string explain(const WebAnswer& answer);

}  // namespace blindbox::image::internal
