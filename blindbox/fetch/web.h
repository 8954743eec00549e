// SPDX-License-Identifier: Apache-2.0
// Requests to one server and to wherever it sends its clients, under rules that keep a server from using a client
// against others: redirects lead up, never down, never into networks that the server itself is not of, and no
// credential goes along to another host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "blindbox/fetch/url.h"
#include "blindbox/http/client.h"
#include "blindbox/net/address.h"

namespace blindbox::fetch {

struct NetworkLimits {
  std::chrono::milliseconds connect{std::chrono::seconds(15)};
  std::chrono::milliseconds answer{std::chrono::seconds(60)};        // to the head of an answer
  std::chrono::milliseconds stall{std::chrono::seconds(30)};         // between two pieces of a body
  std::chrono::milliseconds longest_wait{std::chrono::seconds(60)};  // that a Retry-After may ask for
  std::chrono::milliseconds first_backoff{500};
  unsigned attempts = 5;
  std::chrono::milliseconds whole{std::chrono::minutes(2)};    // of all attempts at one thing, while nothing comes
  std::chrono::milliseconds notice{std::chrono::seconds(10)};  // of silence, before the user is told
};

// How the network is used: TLS with the system's trust store; plain HTTP goes to loopback addresses alone.
struct Reach {
  // Where certificates.h looks for more than the system's: nowhere by default.
  std::vector<std::string> certificate_folders{};
  // Hears what is no failure: a wait, a helper that failed.
  std::function<void(const std::string&)> warn{};
  NetworkLimits limits{};
};

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
  Web(Url server, Reach reach) : server_(std::move(server)), reach_(std::move(reach)) {}

  // Once, redirects apart. ErrorKind::network for the connection, ErrorKind::forbidden for a redirect that is not
  // followed and for a certificate that nobody known vouches for, ErrorKind::limit for an answer past its cap.
  [[nodiscard]] Result<WebAnswer> ask_once(WebRequest request);
  // As often as the limits say, while the server is busy or the network fails; then what came last.
  [[nodiscard]] Result<WebAnswer> ask(const WebRequest& request);

  // Attempts at one thing that a caller makes itself, by ask_once.
  struct Attempts {
    unsigned made = 0;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();  // the first, or the last headway
    // What brings next to nothing is no headway: a server could hold its client for ever with a byte at a time.
    void brought(std::uint64_t bytes);
  };
  // Waits before another attempt if one makes sense after what happened; false where not.
  [[nodiscard]] bool pause(const Result<WebAnswer>& happened, Attempts& attempts) const;

  [[nodiscard]] const Url& server() const { return server_; }
  // ErrorKind::forbidden for a URL that the server may not send its clients to.
  [[nodiscard]] Result<void> may_go(const Url& url) const;

 private:
  struct Heard;
  net::Task<Result<WebAnswer>> exchange(WebRequest request);
  [[nodiscard]] Result<net::asio::ssl::context*> context_for(const Url& url);
  [[nodiscard]] net::AddressFilter filter_for(const Url& url);
  [[nodiscard]] bool is_server(const Url& url) const { return url.origin() == server_.origin(); }
  [[nodiscard]] Result<WebAnswer> run(net::Task<Result<WebAnswer>> task);

  Url server_;
  Reach reach_;
  boost::asio::io_context loop_;
  // By authority, made when they are needed first: whom a registry's own authority vouches for is believed there alone.
  std::map<std::string, std::unique_ptr<net::asio::ssl::context>> tls_;
  // Of the server's addresses: global where any of them is.
  std::optional<net::AddressKind> kind_;
};

// For a message: the status, and what the server says of it (OCI's "errors", or the "error" of most others).
[[nodiscard]] std::string explain(const WebAnswer& answer);

}  // namespace blindbox::fetch
