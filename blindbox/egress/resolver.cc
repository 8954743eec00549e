// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/resolver.h"

#include <ares.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstring>
#include <optional>

#include "blindbox/net/await.h"

namespace blindbox::egress {
namespace {

namespace asio = net::asio;
using Addresses = std::vector<asio::ip::address>;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kThreads = 4;
constexpr int kTries = 2;

struct Answer {
  bool done = false;
  int status = ARES_ECANCELLED;
  Addresses addresses;
};

void append(const ares_addrinfo_node& node, Addresses& to) {
  if (to.size() >= kMostAddresses) return;
  if (node.ai_family == AF_INET) {
    sockaddr_in from{};
    std::memcpy(&from, node.ai_addr, sizeof from);
    to.emplace_back(asio::ip::address_v4(ntohl(from.sin_addr.s_addr)));
  } else if (node.ai_family == AF_INET6) {
    sockaddr_in6 from{};
    std::memcpy(&from, node.ai_addr, sizeof from);
    asio::ip::address_v6::bytes_type bytes;
    std::copy(std::begin(from.sin6_addr.s6_addr), std::end(from.sin6_addr.s6_addr), bytes.begin());
    to.emplace_back(asio::ip::address_v6(bytes, from.sin6_scope_id));
  }
}

void on_answer(void* to, int status, int /*timeouts*/, ares_addrinfo* found) {
  auto& answer = *static_cast<Answer*>(to);
  answer.done = true;
  answer.status = status;
  for (const ares_addrinfo_node* node = found == nullptr ? nullptr : found->nodes; node != nullptr;
       node = node->ai_next) {
    append(*node, answer.addresses);
  }
  ares_freeaddrinfo(found);
}

// One question: a channel of its own, so that a change of resolv.conf is seen and no lookup waits on another's.
class Channel {
 public:
  explicit Channel(milliseconds limit) {
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH;
    options.tries = kTries;
    options.timeout = static_cast<int>(std::max<long>(limit.count() / 3, 1));
    if (ares_init_options(&channel_, &options, ARES_OPT_FLAGS | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS) != ARES_SUCCESS) {
      channel_ = nullptr;
    }
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  [[nodiscard]] bool ok() const { return channel_ != nullptr; }
  [[nodiscard]] bool use(const std::string& servers) {
    return servers.empty() || ares_set_servers_ports_csv(channel_, servers.c_str()) == ARES_SUCCESS;
  }

  void ask(const std::string& host, Answer& answer, steady_clock::time_point end) {
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NOSORT;
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, on_answer, &answer);
    while (!answer.done) {
      if (steady_clock::now() >= end) return ares_cancel(channel_);
      wait(end);
    }
  }

 private:
  void wait(steady_clock::time_point end) {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const auto wanted = static_cast<unsigned>(ares_getsock(channel_, sockets.data(), ARES_GETSOCK_MAXNUM));
    std::array<pollfd, ARES_GETSOCK_MAXNUM> polled{};
    nfds_t count = 0;
    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      const bool reads = ARES_GETSOCK_READABLE(wanted, i) != 0;
      const bool writes = ARES_GETSOCK_WRITABLE(wanted, i) != 0;
      if (!reads && !writes) continue;
      const int events = (reads ? POLLIN : 0) | (writes ? POLLOUT : 0);
      polled.at(count++) = {sockets.at(i), static_cast<short>(events), 0};
    }
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now()).count();
    timeval next{std::max<long>(left, 0) / 1000, std::max<long>(left, 0) % 1000 * 1000};
    timeval until{};
    const timeval* const sooner = ares_timeout(channel_, &next, &until);
    (void)::poll(polled.data(), count, static_cast<int>(sooner->tv_sec * 1000 + sooner->tv_usec / 1000 + 1));
    for (nfds_t i = 0; i < count; ++i) {
      const auto events = static_cast<unsigned>(polled.at(i).revents);
      const bool failed = (events & unsigned{POLLERR | POLLHUP}) != 0;
      ares_process_fd(channel_, failed || (events & unsigned{POLLIN}) != 0 ? polled.at(i).fd : ARES_SOCKET_BAD,
                      failed || (events & unsigned{POLLOUT}) != 0 ? polled.at(i).fd : ARES_SOCKET_BAD);
    }
    if (count == 0) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }

  ares_channel channel_ = nullptr;
};

tl::unexpected<Error> too_late() { return base::fail(ErrorKind::limit, "looking the name up took too long"); }

Result<Addresses> look_up(const std::string& host, const std::string& servers, steady_clock::time_point end) {
  const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
  if (left.count() <= 0) return too_late();
  Channel channel(left);
  if (!channel.ok() || !channel.use(servers)) return base::fail(ErrorKind::network, "there is no resolver to ask");
  Answer answer;
  channel.ask(host, answer, end);
  if (!answer.addresses.empty()) return std::move(answer.addresses);
  if (answer.status == ARES_ETIMEOUT || answer.status == ARES_ECANCELLED) return too_late();
  return base::fail(ErrorKind::network, std::string("the name has no address: ") + ares_strerror(answer.status));
}

// Shared by the coroutine that waits and the thread that asks: the one may end before the other.
struct Pending {
  explicit Pending(const net::Executor& executor) : ready(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer ready;
  std::optional<Result<Addresses>> result;  // touched on the executor alone
};

}  // namespace

struct SystemResolver::State {
  explicit State(std::string which) : servers(std::move(which)) { (void)ares_library_init(ARES_LIB_INIT_ALL); }
  std::string servers;
  asio::thread_pool threads{kThreads};
};

SystemResolver::SystemResolver() : SystemResolver(std::string()) {}
SystemResolver::SystemResolver(std::string servers) : state_(std::make_shared<State>(std::move(servers))) {}
SystemResolver::~SystemResolver() { state_->threads.join(); }

net::Task<Result<Addresses>> SystemResolver::resolve(std::string host, net::Duration limit) {
  const auto executor = co_await asio::this_coro::executor;
  const auto pending = std::make_shared<Pending>(executor);
  const auto end = steady_clock::now() + limit;
  asio::post(state_->threads, [pending, executor, host, end, servers = state_->servers] {
    auto result = look_up(host, servers, end);
    asio::post(executor, [pending, result = std::move(result)]() mutable {
      pending->result.emplace(std::move(result));
      pending->ready.expires_at(asio::steady_timer::time_point::min());
    });
  });
  while (!pending->result) co_await pending->ready.async_wait(net::kAwait);
  co_return std::move(*pending->result);
}

}  // namespace blindbox::egress
