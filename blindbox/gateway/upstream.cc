// SPDX-License-Identifier: Apache-2.0
#include "blindbox/gateway/internal/upstream.h"

namespace blindbox::gateway::internal {

using std::chrono::steady_clock;

Upstream::Connection::Connection(net::Socket socket, net::Duration stall)
    : stream(std::move(socket)), answers(stream, stall) {}

bool Upstream::may_reuse(const http::RequestHead& head) {
  return head.method == "GET" && head.framing.kind == http::Framing::Kind::none;
}

net::Task<Result<std::unique_ptr<Upstream::Connection>>> Upstream::take(bool may_reuse) {
  std::unique_ptr<Connection> kept = std::move(kept_);
  expiry_.stop();
  // Not quiet: the application has closed it, or said what nobody asked for.
  if (kept && may_reuse && kept->stream.quiet()) {
    kept->heard_before = kept->answers.bytes_received();
    co_return std::move(kept);
  }
  kept.reset();  // before another is opened: the application may serve one at a time
  auto socket = co_await connect_();
  if (!socket) co_return base::pass_on(socket);
  co_return std::make_unique<Connection>(std::move(*socket), stall_);
}

void Upstream::keep(std::unique_ptr<Connection> connection) {
  // What came with the answer and behind it would be taken for the next one.
  if (connection->answers.bytes_received() != connection->answers.bytes_consumed()) return;
  const auto left = lifetime_ - std::chrono::duration_cast<net::Duration>(steady_clock::now() - connection->opened);
  if (left <= net::Duration::zero()) return;
  kept_ = std::move(connection);
  expiry_.limit(left);
  expiry_.start();
}

}  // namespace blindbox::gateway::internal
