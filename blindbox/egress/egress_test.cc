// SPDX-License-Identifier: Apache-2.0
// The proxy over real sockets: an application inside, servers outside, a resolver that says what a test wants.
#include "blindbox/egress/egress.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <csignal>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "blindbox/base/fd.h"
#include "blindbox/egress/resolver.h"
#include "blindbox/egress/unsafe.h"
#include "blindbox/http/testing.h"

namespace blindbox::egress {
namespace {

using http::Request;
using http::ResponseSink;
using http::testing::Client;
using net::testing::run;
using net::testing::run_until;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Addresses = std::vector<net::asio::ip::address>;

// Each name's answers, one a question; the last one stays.
class Names final : public Resolver {
 public:
  net::Task<Result<Addresses>> resolve(std::string host, net::Duration) override {
    ++asked;
    const auto found = answers.find(host);
    if (found == answers.end()) co_return base::fail(ErrorKind::network, "no such name");
    Addresses out;
    for (const std::string& one : found->second.front()) out.push_back(net::asio::ip::make_address(one));
    if (found->second.size() > 1) found->second.pop_front();
    co_return out;
  }
  std::map<std::string, std::deque<std::vector<std::string>>> answers;
  int asked = 0;
};

// Takes one connection and does with it what a test wants.
class Far {
 public:
  explicit Far(net::asio::io_context& loop)
      : acceptor_(net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value()),
        port_(net::testing::port_of(acceptor_.native_handle())) {}
  [[nodiscard]] std::uint16_t port() const { return port_; }
  std::unique_ptr<net::SocketStream> accept(net::asio::io_context& loop) {
    std::unique_ptr<net::SocketStream> out;
    acceptor_.async_accept([&](const net::error_code& error, net::Socket socket) {
      if (!error) out = std::make_unique<net::SocketStream>(std::move(socket));
    });
    run_until(loop, [&] { return out != nullptr; });
    return out;
  }

 private:
  net::Acceptor acceptor_;
  std::uint16_t port_;
};

class EgressTest : public ::testing::Test {
 protected:
  ~EgressTest() override {
    proxy_.reset();
    loop_.restart();
    while (loop_.poll_one() > 0) {
    }
  }
  void start(std::vector<specification::Egress> allowed, Limits limits = {}, bool loopback = true) {
    auto acceptor = net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value();
    port_ = net::testing::port_of(acceptor.native_handle());
    proxy_.emplace(std::move(acceptor), std::move(allowed), names_, limits, loopback ? &unsafe_ : nullptr);
    proxy_->start();
  }
  std::string ask(const std::string& request) {
    Client client(loop_, port_);
    EXPECT_TRUE(client.send(request));
    return client.receive();
  }
  static std::string connect_to(const std::string& authority) {
    return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
  }
  [[nodiscard]] std::uint64_t refused(Refusal why) const {
    return proxy_->stats().refused.at(static_cast<std::size_t>(why));
  }
  static std::string read(net::asio::io_context& loop, net::Stream& stream, std::size_t size) {
    std::string all;
    std::array<std::byte, 65536> piece{};
    while (all.size() < size) {
      const auto got = run(loop, stream.read_some(piece));
      if (!got || *got == 0) break;
      all += base::as_text(ByteView(piece).first(*got));
    }
    return all;
  }
  // A tunnel that stands, and the server's end of it.
  std::unique_ptr<net::SocketStream> open(Client& client, Far& far) {
    EXPECT_TRUE(client.send(connect_to("far.test:" + std::to_string(far.port()))));
    auto end = far.accept(loop_);
    EXPECT_EQ(read(loop_, client.stream(), 39), "HTTP/1.1 200 Connection established\r\n\r\n");
    return end;
  }

  net::asio::io_context loop_;
  Names names_;
  AllowLoopbackForTests unsafe_;
  std::uint16_t port_ = 0;
  std::optional<Proxy> proxy_;
};

TEST_F(EgressTest, CarriesATunnelBothWaysAndHandsOnEachEnd) {
  Far far(loop_);
  names_.answers["far.test"] = {{"127.0.0.1"}};
  start({{"far.test", far.port()}});
  Client client(loop_, port_);
  const auto server = open(client, far);
  EXPECT_TRUE(client.send("ping"));
  EXPECT_EQ(read(loop_, *server, 4), "ping");
  dynamic_cast<net::SocketStream&>(client.stream()).finish_writing();
  EXPECT_EQ(read(loop_, *server, 1), "") << "the end of what the application says is handed on";
  EXPECT_TRUE(run(loop_, server->write(base::view("pong"))));
  EXPECT_EQ(read(loop_, client.stream(), 4), "pong") << "and the answer still comes";
  server->close();
  EXPECT_EQ(client.rest(), "");
  run_until(loop_, [&] { return proxy_->stats().bytes_in == 4; });
  EXPECT_EQ(proxy_->stats().bytes_out, 4U);
  EXPECT_EQ(proxy_->stats().tunnels, 1U);
}

TEST_F(EgressTest, SlowsAWriterWhoseReaderIsSlow) {
  Far far(loop_);
  names_.answers["far.test"] = {{"127.0.0.1"}};
  start({{"far.test", far.port()}});
  Client client(loop_, port_);
  const auto server = open(client, far);
  const std::string much(std::size_t{64} << 20, 'x');
  bool written = false;
  net::asio::co_spawn(loop_, client.stream().write(base::view(much)),
                      [&](const std::exception_ptr&, const Result<void>&) { written = true; });
  loop_.restart();
  loop_.run_for(milliseconds(200));
  EXPECT_FALSE(written) << "64 MiB were swallowed although nobody reads";
  EXPECT_EQ(read(loop_, *server, much.size()).size(), much.size());
  run_until(loop_, [&] { return written; });
}

TEST_F(EgressTest, EndsATunnelInWhichNothingMoves) {
  Far far(loop_);
  names_.answers["far.test"] = {{"127.0.0.1"}};
  Limits limits;
  limits.idle = milliseconds(60);
  start({{"far.test", far.port()}}, limits);
  Client client(loop_, port_);
  const auto server = open(client, far);
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(read(loop_, *server, 1), "");
}

TEST_F(EgressTest, RelaysPlainRequestsAsTheirOwnHost) {
  std::string seen;
  http::testing::Application far(loop_, [&](const Request& request, ResponseSink& sink, std::stop_token) {
    seen = request.method + " " + request.target;
    for (const auto& [name, value] : request.fields) seen += "|" + name + "=" + value;
    sink.respond({200, "text/plain", "body " + request.body, {}});
  });
  names_.answers["far.test"] = {{"127.0.0.1"}};
  start({{"far.test", far.port()}});
  const std::string authority = "far.test:" + std::to_string(far.port());
  Client client(loop_, port_);
  for (int i = 0; i < 2; ++i) {  // one connection, more than one request
    EXPECT_TRUE(client.send("POST http://" + authority +
                            "/a?b HTTP/1.1\r\nHost: elsewhere.test\r\nProxy-Connection: keep-alive\r\n"
                            "Proxy-Authorization: secret\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n"
                            "Content-Length: 2\r\n\r\nab"));
    EXPECT_EQ(client.receive(), "200 body ab");
  }
  EXPECT_THAT(seen, StartsWith("POST /a?b|"));
  EXPECT_THAT(seen, HasSubstr("Host=" + authority));
  EXPECT_THAT(seen, HasSubstr("X-End=2"));
  for (const char* const gone : {"elsewhere", "secret", "X-Hop", "Proxy-Connection"}) {
    EXPECT_THAT(seen, ::testing::Not(HasSubstr(gone)));
  }
  EXPECT_EQ(proxy_->stats().requests, 2U);
}

TEST_F(EgressTest, RefusesWhatIsNotListedWithoutAskingForItsName) {
  names_.answers["far.test"] = {{"127.0.0.1"}};
  start({{"far.test", 443}});
  for (const std::string& request :
       {connect_to("other.test:443"), connect_to("far.test:80"), connect_to("x.far.test:443"),
        std::string("GET http://other.test/ HTTP/1.1\r\nHost: far.test\r\n\r\n")}) {
    EXPECT_THAT(ask(request), AllOf(StartsWith("403 "), HasSubstr("egress_not_listed"))) << request;
  }
  EXPECT_EQ(names_.asked, 0) << "a name that may not be reached must not leave as a question either";
  EXPECT_EQ(refused(Refusal::not_listed), 4U);
  EXPECT_THAT(to_json(proxy_->stats()), HasSubstr("\"not_listed\":4"));
  EXPECT_THAT(to_json(proxy_->stats()), ::testing::Not(HasSubstr("test")));
}

TEST_F(EgressTest, RefusesAddressesInPlaceOfNames) {
  start({{"*.test", 443}, {"169.254.169.254", 80}});
  for (const char* const address : {"127.0.0.1:443", "[::1]:443", "[::ffff:127.0.0.1]:443", "1.1.1.1:443"}) {
    EXPECT_THAT(ask(connect_to(address)), AllOf(StartsWith("403 "), HasSubstr("egress_literal_address"))) << address;
  }
  EXPECT_THAT(ask(connect_to("169.254.169.254:80")), HasSubstr("egress_forbidden_address"))
      << "listing an address does not make it public";
  EXPECT_EQ(refused(Refusal::literal_address), 4U);
}

TEST_F(EgressTest, JudgesEveryAddressOfAName) {
  Far far(loop_);
  names_.answers["private.test"] = {{"10.0.0.1", "fd00:ec2::254", "169.254.169.254", "::ffff:127.0.0.1"}};
  names_.answers["mixed.test"] = {{"10.0.0.1", "127.0.0.1"}};
  start({{"*.test", far.port()}});
  const std::string port = ":" + std::to_string(far.port());
  EXPECT_THAT(ask(connect_to("private.test" + port)), HasSubstr("egress_forbidden_address"));
  Client client(loop_, port_);
  EXPECT_TRUE(client.send(connect_to("mixed.test" + port)));
  EXPECT_NE(far.accept(loop_), nullptr);
  EXPECT_EQ(refused(Refusal::forbidden_address), 1U);
}

TEST_F(EgressTest, WithoutTheTestsWeaknessLoopbackIsForbiddenToo) {
  Far far(loop_);
  names_.answers["far.test"] = {{"127.0.0.1", "::1"}};
  start({{"far.test", far.port()}}, {}, false);
  EXPECT_THAT(ask(connect_to("far.test:" + std::to_string(far.port()))), HasSubstr("egress_forbidden_address"));
}

// The name server answers with a public address first and with a private one from then on: what was judged is what is
// connected to, and every request is judged anew.
TEST_F(EgressTest, ANameIsAskedForOncePerRequest) {
  Far far(loop_);
  names_.answers["far.test"] = {{"127.0.0.1"}, {"10.0.0.1"}};
  start({{"far.test", far.port()}});
  Client client(loop_, port_);
  const auto server = open(client, far);
  EXPECT_EQ(names_.asked, 1);
  EXPECT_THAT(ask(connect_to("far.test:" + std::to_string(far.port()))), HasSubstr("egress_forbidden_address"));
  EXPECT_EQ(names_.asked, 2);
}

TEST_F(EgressTest, TellsWhatFailed) {
  std::uint16_t nobody = 0;
  {
    Far gone(loop_);
    nobody = gone.port();
  }
  names_.answers["far.test"] = {{"127.0.0.1"}};
  start({{"far.test", nobody}, {"unknown.test", 443}});
  EXPECT_THAT(ask(connect_to("far.test:" + std::to_string(nobody))),
              AllOf(StartsWith("502 "), HasSubstr("egress_not_connected")));
  EXPECT_THAT(ask(connect_to("unknown.test:443")), AllOf(StartsWith("502 "), HasSubstr("egress_not_found")));
}

// A listener whose queue is full lets a connection wait for ever.
TEST_F(EgressTest, GivesUpOnWhoDoesNotAnswer) {
  const base::Fd full(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(full.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(full.get(), 0), 0);
  const std::uint16_t port = net::testing::port_of(full.get());
  std::vector<base::Fd> queue;
  at.sin_port = htons(port);
  for (int i = 0; i < 4; ++i) {
    queue.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(queue.back().get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
  }
  Limits limits;
  limits.connect = milliseconds(100);
  names_.answers["far.test"] = {{"127.0.0.1"}};
  start({{"far.test", port}}, limits);
  EXPECT_THAT(ask(connect_to("far.test:" + std::to_string(port))),
              AllOf(StartsWith("504 "), HasSubstr("egress_timed_out")));
}

TEST_F(EgressTest, RefusesWhatIsNoProxyRequest) {
  start({{"far.test", 443}});
  for (const std::string& request :
       {std::string("GET / HTTP/1.1\r\nHost: far.test\r\n\r\n"), std::string("nonsense\r\n\r\n"),
        std::string("GET https://far.test:443/ HTTP/1.1\r\nHost: far.test\r\n\r\n"),
        std::string("TRACE http://far.test:443/ HTTP/1.1\r\nHost: far.test\r\n\r\n"),
        std::string("CONNECT far.test:443 HTTP/1.1\r\nHost: far.test\r\nContent-Length: 1\r\n\r\nx"),
        std::string("CONNECT far.test:443 HTTP/1.1\r\n\r\n"), connect_to("far.test:443") + "early",
        std::string("GET http://far.test:443/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        "GET http://far.test:443/ HTTP/1.1\r\nHost: a\r\nX: " + std::string(40000, 'x') + "\r\n\r\n"}) {
    EXPECT_THAT(ask(request), ::testing::AnyOf(StartsWith("400 "), StartsWith("431 "))) << request.substr(0, 80);
  }
  EXPECT_EQ(names_.asked, 0);
  EXPECT_EQ(refused(Refusal::malformed), 9U);
}

TEST_F(EgressTest, TakesNoMoreConnectionsThanItMay) {
  Far far(loop_);
  names_.answers["far.test"] = {{"127.0.0.1"}};
  Limits limits;
  limits.connections = 1;
  start({{"far.test", far.port()}}, limits);
  Client client(loop_, port_);
  const auto server = open(client, far);
  EXPECT_EQ(ask(connect_to("far.test:" + std::to_string(far.port()))), "") << "closed: the one place is taken";
  EXPECT_TRUE(client.send("still here"));
  EXPECT_EQ(read(loop_, *server, 10), "still here");
}

// The process as init runs it: counters on its control descriptor, and its end with that.
TEST(EgressRun, ObeysItsControlDescriptor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  base::Fd ours(ends[0]);
  net::asio::io_context loop;
  auto acceptor = net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value();
  const std::uint16_t port = net::testing::port_of(acceptor.native_handle());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ours.reset();
    Settings settings;
    settings.listening = acceptor.release();
    settings.allowed = {{"far.test", 443}};
    settings.control = ends[1];
    const auto counted = run(std::move(settings));
    ::_exit(counted && counted->connections == 1 ? 0 : 1);
  }
  ::close(ends[1]);
  Client client(loop, port);
  EXPECT_TRUE(client.send("CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n"));
  EXPECT_THAT(client.receive(), StartsWith("403 "));
  ASSERT_EQ(::write(ours.get(), "?", 1), 1);
  std::string line;
  for (char c = 0; ::read(ours.get(), &c, 1) == 1 && c != '\n';) line += c;
  const auto stats = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(stats.is_object()) << line;
  EXPECT_EQ(stats["refused"]["not_listed"], 1);
  EXPECT_EQ(stats["connections"], 1);
  ours.reset();
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(EgressRun, RefusesWhatIsNoListener) {
  Settings settings;
  EXPECT_FALSE(run(std::move(settings)));
  Settings pipe;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const base::Fd other(ends[1]);
  pipe.listening = ends[0];
  const auto ran = run(std::move(pipe));
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().kind, ErrorKind::io);
}

}  // namespace
}  // namespace blindbox::egress
