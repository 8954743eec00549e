// SPDX-License-Identifier: Apache-2.0
// Against a name server of our own, over UDP on loopback.
#include "blindbox/egress/resolver.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <thread>

#include "blindbox/base/fd.h"
#include "blindbox/net/testing.h"

namespace blindbox::egress {
namespace {

using net::testing::run;
using std::chrono::milliseconds;
using ::testing::UnorderedElementsAre;

constexpr std::array<unsigned char, 4> kFour = {203, 0, 113, 7};
constexpr std::array<unsigned char, 16> kSix = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};

// Answers what begins with "both" by an address of each family, stays silent on "silent", and knows nothing else.
class NameServer {
 public:
  NameServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    thread_ = std::thread([this] { serve(); });
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  ~NameServer() {
    ended_ = true;
    thread_.join();
  }
  [[nodiscard]] std::string servers() const {
    return "127.0.0.1:" + std::to_string(net::testing::port_of(socket_.get()));
  }

 private:
  void serve() {
    while (!ended_) {
      pollfd one{socket_.get(), POLLIN, 0};
      if (::poll(&one, 1, 20) != 1) continue;
      std::string question(512, '\0');
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const ssize_t got =
          ::recvfrom(socket_.get(), question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (got < 17) continue;
      question.resize(static_cast<std::size_t>(got));
      if (question.find("silent") != std::string::npos) continue;
      const std::string answer = answer_to(question);
      (void)::sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), length);
    }
  }
  static std::string answer_to(const std::string& question) {
    const std::size_t end = question.find('\0', 12) + 5;  // name, type, class
    const bool six = question[end - 3] == 28;
    const bool known = question.find("both") != std::string::npos;
    std::string out = question.substr(0, 2) + (known ? std::string("\x81\x80", 2) : std::string("\x81\x83", 2));
    out += std::string("\0\1\0", 3) + (known ? '\1' : '\0') + std::string(4, '\0');
    out += question.substr(12, end - 12);
    if (!known) return out;
    out += std::string("\xC0\x0C\0", 3) + (six ? '\x1C' : '\1') + std::string("\0\1\0\0\0\x3C\0", 7);
    out += six ? '\x10' : '\4';
    out += six ? std::string(kSix.begin(), kSix.end()) : std::string(kFour.begin(), kFour.end());
    return out;
  }
  base::Fd socket_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

class ResolverTest : public ::testing::Test {
 protected:
  NameServer server_;
  net::asio::io_context loop_;
  SystemResolver resolver_{server_.servers()};
};

TEST_F(ResolverTest, FindsAddressesOfBothFamilies) {
  const auto found = run(loop_, resolver_.resolve("both.example.com", milliseconds(5000)));
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_THAT(*found, UnorderedElementsAre(net::asio::ip::make_address("203.0.113.7"),
                                           net::asio::ip::make_address("2001:db8::9")));
}

TEST_F(ResolverTest, TellsThatANameHasNone) {
  const auto found = run(loop_, resolver_.resolve("none.example.com", milliseconds(5000)));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::network);
  EXPECT_THAT(found.error().what, ::testing::Not(::testing::HasSubstr("none.example")));
}

TEST_F(ResolverTest, GivesUpInTime) {
  const auto begun = std::chrono::steady_clock::now();
  const auto found = run(loop_, resolver_.resolve("silent.example.com", milliseconds(200)));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::limit);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
}

}  // namespace
}  // namespace blindbox::egress
