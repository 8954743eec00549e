// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/proxy.h"

#include "blindbox/proxy/guard.h"
#include "blindbox/proxy/internal/session.h"

namespace blindbox::proxy {
namespace {

using net::Task;

Task<void> run_session(internal::StatePtr state, net::Socket socket, net::Session& session) {
  if (state->options.only_this_user && !same_user(socket.native_handle())) co_return;
  const auto client = std::make_unique<internal::EditorSession>(state, std::move(socket), session);
  co_await client->run();
}

Options only(std::shared_ptr<Pool> pool, Limits limits) {
  Options options;
  const std::string url = "https://" + pool->options().server.text();
  options.servers.push_back({"default", url, std::move(pool)});
  options.limits = limits;
  return options;
}

}  // namespace

Proxy::Proxy(net::Acceptor acceptor, std::shared_ptr<Pool> pool, Limits limits)
    : Proxy(std::move(acceptor), only(std::move(pool), limits)) {}

Proxy::Proxy(net::Acceptor acceptor, Options options) {
  const net::Executor executor = acceptor.get_executor();
  const std::size_t connections = options.limits.connections;
  const std::uint16_t port = net::bound_port(acceptor);
  state_ = std::make_shared<internal::State>(executor, std::move(options));
  state_->cookie = token_cookie(port);
  for (const Server& server : state_->options.servers) {
    server.pool->on_change([weak = std::weak_ptr(state_)] {
      if (const auto state = weak.lock()) state->changed();
    });
  }
  state_->sessions = std::make_unique<net::Sessions>(
      std::move(acceptor), connections,
      [weak = std::weak_ptr(state_)](net::Socket socket, net::Session& session) -> Task<void> {
        if (const auto state = weak.lock()) co_await run_session(state, std::move(socket), session);
      });
}

// At once, while every session's stream still exists: the last connection may outlive this object by a turn of the loop.
Proxy::~Proxy() {
  for (const Server& server : state_->options.servers) {
    server.pool->on_change({});
    server.pool->stop();
  }
  state_->sessions.reset();
  // What still works beside the loop ends before the loop does, since it would tell it.
  if (state_->adder) state_->adder->stop();
  state_->readers.join();
  state_->scanners.join();
}

void Proxy::start() { state_->sessions->start(); }

Task<void> Proxy::drain(net::Duration limit) {
  if (state_->adder) state_->adder->stop();
  return state_->sessions->drain(limit);
}

std::uint16_t Proxy::port() const { return state_->sessions->port(); }

}  // namespace blindbox::proxy
