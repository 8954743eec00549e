// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "blindbox/net/connect.h"
#include "blindbox/net/sessions.h"
#include "blindbox/net/socket_stream.h"
#include "blindbox/net/testing.h"
#include "blindbox/net/tls_stream.h"

namespace blindbox::net {
namespace {

using base::view;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::run;
using testing::run_until;

TEST(HostPort, IsReadStrictly) {
  const std::pair<const char*, HostPort> good[] = {{"127.0.0.1:8080", {"127.0.0.1", 8080}},
                                                   {"[::1]:0", {"::1", 0}},
                                                   {"name.example:443", {"name.example", 443}},
                                                   {"a_b-c:65535", {"a_b-c", 65535}}};
  for (const auto& [text, expected] : good) {
    const auto parsed = parse_host_port(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->host, expected.host);
    EXPECT_EQ(parsed->port, expected.port);
    EXPECT_EQ(parsed->text(), text);
  }
  for (const char* bad : {"", ":", ":80", "host", "host:", "host:x", "host:65536", "host:-1", "host:+1", "host: 1",
                          "host:1 ", "::1:80", "[]:80", "ho st:80", "host/:80", "user@host:80", "host\n:80", "[::1]"}) {
    const auto parsed = parse_host_port(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().kind, ErrorKind::usage) << bad;
  }
  EXPECT_FALSE(parse_host_port(std::string(256, 'h') + ":80"));
}

TEST(Url, NamesASchemeAndAnAuthority) {
  const std::pair<const char*, const char*> good[] = {{"https://h:1", "h:1"},         {"https://h", "h:443"},
                                                      {"https://h/", "h:443"},        {"https://[::1]:1", "[::1]:1"},
                                                      {"https://[::1]", "[::1]:443"}, {"https://h:1/", "h:1"}};
  for (const auto& [url, text] : good) {
    const auto parsed = parse_url(url, "https", 443);
    ASSERT_TRUE(parsed) << url;
    EXPECT_EQ(parsed->text(), text);
  }
  for (const char* bad : {"", "https://", "https:///", "http://h", "h:1", "https://h/path", "https://u:p@h",
                          "https://h?x", "HTTPS://h"}) {
    const auto parsed = parse_url(bad, "https", 443);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().kind, ErrorKind::usage) << bad;
  }
}

TEST(Url, TheOtherSchemeGetsAHint) {
  EXPECT_EQ(parse_url("http://h:8443", "https", 443).error().hint,
            "nothing goes there over plain HTTP; write https://h:8443");
  EXPECT_EQ(parse_url("https://h:1", "http", 80).error().hint, "plain HTTP is spoken there; write http://h:1");
  EXPECT_EQ(parse_url("h:8443", "https", 443).error().hint, "");
}

// Two ends of a loopback connection.
class Sockets : public ::testing::Test {
 protected:
  Sockets() {
    auto acceptor = listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value();
    sessions_.emplace(std::move(acceptor), 10, [this](Socket socket, Session&) -> Task<void> {
      far_ = std::make_unique<SocketStream>(std::move(socket));
      co_return;
    });
    sessions_->start();
    near_ =
        std::make_unique<SocketStream>(run(loop_, connect_tcp({"localhost", sessions_->port()}, seconds(20))).value());
    run_until(loop_, [this] { return far_ != nullptr; });
  }

  asio::io_context loop_;
  std::unique_ptr<SocketStream> near_, far_;
  std::optional<Sessions> sessions_;
};

TEST_F(Sockets, CarryBytesAndSayWhenTheyEnd) {
  ASSERT_TRUE(run(loop_, near_->write(view("hello"))));
  std::array<std::byte, 16> into{};
  EXPECT_EQ(run(loop_, far_->read_some(into)).value(), 5U);
  near_->close();
  EXPECT_EQ(run(loop_, far_->read_some(into)).value(), 0U);
}

TEST_F(Sockets, AreQuietUntilThePeerSaysOrEndsSomething) {
  EXPECT_TRUE(near_->quiet());
  ASSERT_TRUE(run(loop_, far_->write(view("x"))));
  std::array<std::byte, 1> into{};
  EXPECT_FALSE(near_->quiet());
  ASSERT_TRUE(run(loop_, near_->read_some(into)));
  EXPECT_TRUE(near_->quiet());
  far_->close();
  EXPECT_EQ(run(loop_, near_->read_some(into)).value(), 0U);
  EXPECT_FALSE(near_->quiet());
  near_->close();
  EXPECT_FALSE(near_->quiet());
}

TEST_F(Sockets, ReadsHaveADeadline) {
  near_->set_read_deadline(milliseconds(5));
  std::array<std::byte, 1> into{};
  const auto got = run(loop_, near_->read_some(into));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::network);
  EXPECT_EQ(got.error().what, "reading from the connection timed out after 5 ms");
}

TEST_F(Sockets, WritesHaveADeadline) {
  near_->set_write_deadline(milliseconds(20));
  const std::string much(64 << 20, 'x');  // more than both sockets buffer
  const auto put = run(loop_, near_->write(view(much)));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().what, "writing to the connection timed out after 20 ms");
}

TEST_F(Sockets, ADeadlineIsForOneOperationAlone) {
  near_->set_read_deadline(milliseconds(5));
  ASSERT_TRUE(run(loop_, far_->write(view("x"))));
  std::array<std::byte, 1> into{};
  ASSERT_TRUE(run(loop_, near_->read_some(into)));
  asio::steady_timer later(loop_, milliseconds(20));
  run(loop_, later.async_wait(asio::use_awaitable));
  EXPECT_TRUE(near_->quiet()) << "the deadline of a read that has ended closed the socket";
}

Task<std::string> read_all(Stream& stream) {
  std::string all;
  std::array<std::byte, 4096> into{};
  while (true) {
    const auto got = co_await stream.read_some(into);
    if (!got) co_return all + "(" + got.error().what + ")";
    if (*got == 0) co_return all;
    all += base::as_text(ByteView(into).first(*got));
  }
}

Task<bool> say_and_shut_down(Stream& stream, std::string words) {
  const auto put = co_await stream.write(view(words));
  co_await stream.shut_down();
  co_return put.has_value();
}

// The far end answers and closes while bytes wait that it has not read: the answer must arrive all the same.
TEST_F(Sockets, ShuttingDownDoesNotResetOverUnreadBytes) {
  ASSERT_TRUE(run(loop_, near_->write(view(std::string(100000, 'x')))));
  bool closed = false;
  asio::co_spawn(loop_, say_and_shut_down(*far_, "refused"), [&](auto, auto) { closed = true; });
  EXPECT_EQ(run(loop_, read_all(*near_)), "refused");
  near_->close();
  run_until(loop_, [&] { return closed; });
}

TEST_F(Sockets, ShuttingDownDoesNotWaitForAPeerThatStays) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(run(loop_, say_and_shut_down(*near_, "bye")));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  EXPECT_FALSE(near_->quiet());
}

TEST(Connect, SaysWhoDoesNotAnswer) {
  asio::io_context loop;
  std::uint16_t port = 0;
  {
    Sessions sessions(listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value(), 1, nullptr);
    port = sessions.port();
  }
  const auto socket = run(loop, connect_tcp({"127.0.0.1", port}, seconds(20)));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().kind, ErrorKind::network);
  EXPECT_THAT(socket.error().what, HasSubstr("cannot connect to 127.0.0.1:" + std::to_string(port)));
  const auto unix_socket = run(loop, connect_unix("/nonexistent/socket"));
  ASSERT_FALSE(unix_socket);
  EXPECT_EQ(unix_socket.error().kind, ErrorKind::network);
  EXPECT_EQ(run(loop, connect_unix("/" + std::string(200, 'x'))).error().kind, ErrorKind::io);
}

TEST(Listen, APortInUseIsAnErrorOfItsOwn) {
  asio::io_context loop;
  Sessions taken(listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value(), 1, nullptr);
  const auto again = listen_tcp(loop.get_executor(), {"127.0.0.1", taken.port()});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::io);
  EXPECT_THAT(again.error().what, HasSubstr("cannot listen on 127.0.0.1:"));
  EXPECT_THAT(again.error().hint, HasSubstr("port 0"));
  EXPECT_FALSE(listen_tcp(loop.get_executor(), {"no-address", 0}));
}

// Sessions that hold their connection until a test lets go.
class Holding : public ::testing::Test {
 protected:
  void start(std::size_t limit) {
    sessions_.emplace(listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), limit,
                      [this](Socket socket, Session& session) -> Task<void> {
                        SocketStream stream(std::move(socket));
                        session.own(stream);
                        std::array<std::byte, 1> into{};
                        while (!session.draining()) {
                          const auto got = co_await stream.read_some(into);
                          if (!got || *got == 0) break;
                          if (into[0] == std::byte{'!'}) throw std::runtime_error("a session that fails");
                          session.set_busy(true);
                          ++busy_;
                          co_await release_.wait();
                          (void)co_await stream.write(into);
                          session.set_busy(false);
                        }
                        ++ended_;
                      });
    sessions_->start();
  }
  std::unique_ptr<SocketStream> connect() {
    return std::make_unique<SocketStream>(
        run(loop_, connect_tcp({"127.0.0.1", sessions_->port()}, seconds(20))).value());
  }

  asio::io_context loop_;
  testing::Latch release_{loop_.get_executor()};
  int ended_ = 0;
  int busy_ = 0;  // sessions that have begun a request
  std::optional<Sessions> sessions_;
};

TEST_F(Holding, BeyondTheLimitTheOldestIdleOneGivesWay) {
  start(1);
  const auto first = connect();
  run_until(loop_, [this] { return sessions_->open() == 1; });
  const auto second = connect();
  EXPECT_EQ(run(loop_, read_all(*first)), "");
  run_until(loop_, [this] { return sessions_->open() == 1; });
  EXPECT_TRUE(second->quiet());
}

TEST_F(Holding, BeyondTheLimitABusyOneStays) {
  start(1);
  const auto busy = connect();
  ASSERT_TRUE(run(loop_, busy->write(view("x"))));
  run_until(loop_, [this] { return busy_ == 1; });
  const auto second = connect();
  EXPECT_EQ(run(loop_, read_all(*second)), "");
  EXPECT_EQ(sessions_->open(), 1U);
  EXPECT_TRUE(busy->quiet());
  release_.set();
}

TEST_F(Holding, NoMoreThanThereAreDescriptorsFor) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  start(1000);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<std::unique_ptr<SocketStream>> clients;
  for (int n = 0; n < 17; ++n) clients.push_back(connect());
  EXPECT_EQ(run(loop_, read_all(*clients.front())), "");
  run_until(loop_, [this] { return sessions_->open() == 16; });
}

TEST_F(Holding, DrainingEndsIdleOnesAtOnceAndLetsBusyOnesFinish) {
  start(10);
  const auto idle = connect(), busy = connect();
  ASSERT_TRUE(run(loop_, busy->write(view("x"))));
  run_until(loop_, [this] { return sessions_->open() == 2; });
  bool drained = false;
  asio::co_spawn(loop_, sessions_->drain(seconds(30)), [&](auto) { drained = true; });
  EXPECT_EQ(run(loop_, read_all(*idle)), "");
  EXPECT_FALSE(drained);
  release_.set();
  EXPECT_EQ(run(loop_, read_all(*busy)), "x");
  run_until(loop_, [&] { return drained; });
  EXPECT_EQ(ended_, 2);
}

TEST_F(Holding, DrainingEndsBusyOnesAfterTheLimit) {
  start(10);
  const auto busy = connect();
  ASSERT_TRUE(run(loop_, busy->write(view("x"))));
  run_until(loop_, [this] { return sessions_->open() == 1; });
  run(loop_, sessions_->drain(milliseconds(10)));
  EXPECT_EQ(run(loop_, read_all(*busy)), "");
  release_.set();
  run_until(loop_, [this] { return sessions_->open() == 0; });
}

TEST_F(Holding, ASessionThatThrowsLeavesTheList) {
  start(10);
  const auto failing = connect();
  ASSERT_TRUE(run(loop_, failing->write(view("!"))));
  EXPECT_EQ(run(loop_, read_all(*failing)), "");
  run_until(loop_, [this] { return sessions_->open() == 0; });
  const auto fine = connect();
  release_.set();
  ASSERT_TRUE(run(loop_, fine->write(view("y"))));
  std::array<std::byte, 1> into{};
  EXPECT_EQ(run(loop_, fine->read_some(into)).value(), 1U);
}

TEST(TlsStream, AHandshakeThatStallsTimesOut) {
  asio::io_context loop;
  std::unique_ptr<SocketStream> far;
  Sessions sessions(listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value(), 1,
                    [&far](Socket socket, Session&) -> Task<void> {
                      far = std::make_unique<SocketStream>(std::move(socket));
                      co_return;
                    });
  sessions.start();
  asio::ssl::context context(asio::ssl::context::tls_client);
  TlsStream stream(run(loop, connect_tcp({"127.0.0.1", sessions.port()}, seconds(20))).value(), context);
  stream.set_read_deadline(milliseconds(10));
  const auto shaken = run(loop, stream.handshake(TlsStream::Role::client));
  ASSERT_FALSE(shaken);
  EXPECT_EQ(shaken.error().what, "the TLS handshake timed out after 10 ms");
}

TEST(TlsStream, APeerThatIsNoTlsIsAnError) {
  asio::io_context loop;
  Sessions sessions(listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value(), 1,
                    [](Socket socket, Session&) -> Task<void> {
                      SocketStream stream(std::move(socket));
                      (void)co_await say_and_shut_down(stream, "HTTP/1.1 400 Bad Request\r\n\r\n");
                    });
  sessions.start();
  asio::ssl::context context(asio::ssl::context::tls_client);
  TlsStream stream(run(loop, connect_tcp({"127.0.0.1", sessions.port()}, seconds(20))).value(), context);
  const auto shaken = run(loop, stream.handshake(TlsStream::Role::client));
  ASSERT_FALSE(shaken);
  EXPECT_THAT(shaken.error().what, HasSubstr("the TLS handshake failed"));
  EXPECT_THAT(shaken.error().hint, HasSubstr("plain HTTP"));
}

}  // namespace
}  // namespace blindbox::net
