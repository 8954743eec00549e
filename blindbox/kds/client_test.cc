// SPDX-License-Identifier: Apache-2.0
// Over real sockets, with time that passes only by waiting for it.
#include "blindbox/kds/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/http/message_reader.h"
#include "blindbox/kds/testing.h"
#include "blindbox/net/sessions.h"
#include "blindbox/net/socket_stream.h"
#include "blindbox/net/testing.h"

namespace blindbox::kds {
namespace {

using net::testing::run;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string says(const std::string& head, const std::string& body = "") {
  return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
         body;
}
const std::string kFine = says("200 OK", "fine");
const std::string kSilence;  // the connection stays open

// Gives each connection the next answer, the last one again and again; raw bytes, so that they may be bad.
class Scripted {
 public:
  Scripted(net::asio::io_context& loop, std::vector<std::string> answers)
      : answers_(std::move(answers)),
        sessions_(net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value(), 10,
                  [this](net::Socket socket, net::Session& session) { return serve(std::move(socket), session); }) {
    sessions_.start();
  }
  [[nodiscard]] std::uint16_t port() const { return sessions_.port(); }
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }

 private:
  net::Task<void> serve(net::Socket socket, net::Session& session) {
    net::SocketStream stream(std::move(socket));
    session.own(stream);
    std::string request;
    std::array<std::byte, 4096> piece{};
    while (request.find("\r\n\r\n") == std::string::npos) {
      const auto got = co_await stream.read_some(piece);
      if (!got || *got == 0) co_return;
      request += base::as_text(ByteView(piece).first(*got));
    }
    const std::string answer = answers_[std::min(requests_.size(), answers_.size() - 1)];
    requests_.push_back(request);
    if (answer == kSilence) (void)co_await stream.read_some(piece);  // until the client has had enough
    (void)co_await stream.write(base::view(answer));
    co_await stream.shut_down();
  }

  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  net::Sessions sessions_;
};

class ClientTest : public ::testing::Test {
 protected:
  void serve(std::vector<std::string> answers) {
    server_ = std::make_unique<Scripted>(loop_, std::move(answers));
    make_client(server_->port());
  }
  void make_client(std::uint16_t port) {
    client_ = std::make_unique<Client>(Origin{false, {"127.0.0.1", port}}, limits_, time_.pace(),
                                       [this](const std::string& what) { warnings_.push_back(what); });
  }
  Result<Response> get(std::size_t cap = 1000) {
    return run(loop_, client_->get("/a?b=c", cap, time_.pace().now() + limits_.total));
  }
  void expect_failure(const std::string& what) {
    const auto answer = get();
    ASSERT_FALSE(answer) << what;
    EXPECT_EQ(answer.error().kind, ErrorKind::network);
    EXPECT_THAT(answer.error().what, HasSubstr(what));
  }

  net::asio::io_context loop_;
  testing::FakeTime time_;
  Limits limits_;
  std::unique_ptr<Scripted> server_;
  std::unique_ptr<Client> client_;
  std::vector<std::string> warnings_;
};

TEST_F(ClientTest, asks_once_for_what_it_gets) {
  serve({kFine});
  const auto answer = get();
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->status, 200U);
  EXPECT_EQ(answer->body, "fine");
  EXPECT_THAT(server_->requests(),
              ElementsAre("GET /a?b=c HTTP/1.1\r\nUser-Agent: blindbox\r\nAccept: */*\r\nHost: 127.0.0.1:" +
                          std::to_string(server_->port()) + "\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(time_.waits(), IsEmpty());
}

TEST_F(ClientTest, waits_as_long_as_it_is_asked_to) {
  serve({says("429 Too Many Requests\r\nRetry-After: 17"), kFine});
  ASSERT_TRUE(get());
  EXPECT_THAT(time_.waits(), ElementsAre(seconds(17)));
  EXPECT_THAT(warnings_, ElementsAre(AllOf(HasSubstr("17 s"), HasSubstr("429"))));
}

TEST_F(ClientTest, waits_ten_seconds_where_less_or_nothing_is_asked_for) {
  serve({says("429 Too Many Requests"), says("503 Service Unavailable\r\nRetry-After: 1"), kFine});
  ASSERT_TRUE(get());
  EXPECT_THAT(time_.waits(), ElementsAre(seconds(10), seconds(10)));
}

TEST_F(ClientTest, once_throttled_asks_every_ten_seconds_at_most) {
  serve({says("429 Too Many Requests"), kFine});
  ASSERT_TRUE(get());
  ASSERT_TRUE(get());
  EXPECT_THAT(time_.waits(), ElementsAre(seconds(10), seconds(10)));
  time_.pass(seconds(4));
  ASSERT_TRUE(get());
  EXPECT_EQ(time_.waits().back(), seconds(6));
  time_.pass(seconds(11));
  ASSERT_TRUE(get());
  EXPECT_THAT(time_.waits(), SizeIs(3));
}

TEST_F(ClientTest, does_not_wait_beyond_its_time) {
  serve({says("429 Too Many Requests\r\nRetry-After: 3600"), kFine});
  expect_failure("429; the next attempt would be in 3600 s, which is too late");
  EXPECT_THAT(time_.waits(), IsEmpty());
  EXPECT_THAT(server_->requests(), SizeIs(1));
}

TEST_F(ClientTest, backs_off_from_faults_and_gives_up) {
  serve({says("500 Internal Server Error")});
  expect_failure("status 500, and so for 4 attempts");
  EXPECT_THAT(time_.waits(), ElementsAre(milliseconds(375), milliseconds(750), milliseconds(1500)));
  EXPECT_THAT(server_->requests(), SizeIs(4));
}

TEST_F(ClientTest, tries_again_where_the_connection_broke) {
  serve({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200", kFine});
  const auto answer = get();
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->body, "fine");
  EXPECT_THAT(time_.waits(), SizeIs(2));
}

TEST_F(ClientTest, takes_no_truncated_body) {
  serve({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"});
  expect_failure("the connection ended within the body");
}

TEST_F(ClientTest, cuts_off_who_stalls) {
  limits_.request = milliseconds(50);
  limits_.attempts = 2;
  serve({kSilence});
  expect_failure("no whole answer within 50 ms, and so for 2 attempts");
  EXPECT_THAT(server_->requests(), SizeIs(2));
}

TEST_F(ClientTest, cuts_off_who_stalls_within_the_body) {
  limits_.request = milliseconds(50);
  limits_.attempts = 1;
  const auto trickle = [](net::Socket socket, net::Session& session) -> net::Task<void> {
    net::SocketStream stream(std::move(socket));
    session.own(stream);
    (void)co_await stream.write(base::view("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"));
    std::array<std::byte, 1024> piece{};
    for (auto got = co_await stream.read_some(piece); got && *got > 0;) got = co_await stream.read_some(piece);
  };
  net::Sessions sessions(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), 10, trickle);
  sessions.start();
  make_client(sessions.port());
  expect_failure("no whole answer within 50 ms");
}

TEST_F(ClientTest, takes_no_more_than_the_cap) {
  serve({says("200 OK", std::string(1001, 'x'))});
  expect_failure("larger than 1000 bytes");
  EXPECT_THAT(server_->requests(), SizeIs(1));  // the next time it would be as large
  serve({says("200 OK", std::string(1000, 'x'))});
  EXPECT_TRUE(get());
  serve({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n"});
  expect_failure("larger than 1000 bytes");
  serve({says("404 Not Found", std::string(5000, 'x'))});  // a page for people
  const auto answer = get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404U);
}

TEST_F(ClientTest, follows_no_redirect) {
  serve({says("302 Found\r\nLocation: /elsewhere"), kFine});
  const auto answer = get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302U);
  EXPECT_THAT(server_->requests(), SizeIs(1));
}

TEST_F(ClientTest, takes_no_other_protocol) {
  serve({"SSH-2.0-OpenSSH_9.2\r\n"});
  expect_failure("not strict HTTP/1.1");
  EXPECT_THAT(server_->requests(), SizeIs(1));
}

TEST_F(ClientTest, says_that_nobody_is_there) {
  auto acceptor = net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value();
  const std::uint16_t port = net::testing::port_of(acceptor.native_handle());
  acceptor.close();
  make_client(port);
  expect_failure("cannot connect to 127.0.0.1:");
  EXPECT_THAT(time_.waits(), SizeIs(3));
}

TEST_F(ClientTest, answers_at_once_when_its_time_is_up) {
  serve({kFine});
  const auto answer = run(loop_, client_->get("/", 10, time_.pace().now()));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().what, HasSubstr("no time left"));
  EXPECT_THAT(server_->requests(), IsEmpty());
}

}  // namespace
}  // namespace blindbox::kds
