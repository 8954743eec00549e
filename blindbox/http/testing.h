// SPDX-License-Identifier: Apache-2.0
// An application and a client that tests of the channel put at its two ends.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "blindbox/http/message_reader.h"
#include "blindbox/http/server.h"
#include "blindbox/net/connect.h"
#include "blindbox/net/socket_stream.h"
#include "blindbox/net/testing.h"

namespace blindbox::http::testing {

inline constexpr std::chrono::seconds kPatience{20};

// A client of whatever manners, over any stream.
class Client {
 public:
  Client(net::asio::io_context& loop, std::unique_ptr<net::Stream> stream)
      : loop_(loop), stream_(std::move(stream)), reader_(*stream_) {}
  // Over TCP to a port of this machine.
  Client(net::asio::io_context& loop, std::uint16_t port)
      : Client(loop, std::make_unique<net::SocketStream>(
                         net::testing::run(loop, net::connect_tcp({"127.0.0.1", port}, kPatience)).value())) {}

  [[nodiscard]] net::Stream& stream() { return *stream_; }
  bool send(const std::string& bytes) {
    return net::testing::run(loop_, stream_->write(base::view(bytes))).has_value();
  }
  // "status body"; "" where the connection ended instead; a body that broke off ends with the reason in parentheses.
  std::string receive(bool bodyless = false) {
    if (!receive_head(bodyless)) return "";
    auto body = net::testing::run(loop_, reader_.read_whole_body(std::size_t{64} << 20));
    return std::to_string(last_.status) + " " + (body ? *body : "(" + body.error().what + ")");
  }
  bool receive_head(bool bodyless = false) {
    auto head = net::testing::run(loop_, reader_.read_head(kPatience, bodyless));
    if (!head || !*head) return false;
    last_ = std::move(**head);
    return true;
  }
  // The next piece of the body; "" at its end or where it breaks off.
  std::string receive_piece() {
    const auto piece = net::testing::run(loop_, reader_.read_body());
    return piece ? std::string(base::as_text(*piece)) : "";
  }
  // Everything up to the close, unparsed.
  std::string rest() {
    std::string all;
    std::array<std::byte, 4096> piece{};
    while (true) {
      const auto got = net::testing::run(loop_, stream_->read_some(piece));
      if (!got || *got == 0) return all;
      all += base::as_text(ByteView(piece).first(*got));
    }
  }
  [[nodiscard]] const ResponseHead& last() const { return last_; }

 private:
  net::asio::io_context& loop_;
  std::unique_ptr<net::Stream> stream_;
  ResponseReader reader_;
  ResponseHead last_;
};

// A Server on a port of this machine.
class Application {
 public:
  Application(net::asio::io_context& loop, Handler handler, ServerLimits limits = {}) {
    auto acceptor = net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value();
    port_ = net::testing::port_of(acceptor.native_handle());
    server_ = std::make_unique<Server>(loop.get_executor(), acceptor.release(), std::move(handler), limits);
    server_->start();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_ = 0;
  std::unique_ptr<Server> server_;
};

}  // namespace blindbox::http::testing
