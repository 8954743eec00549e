// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/server.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <condition_variable>
#include <mutex>
#include <sys/socket.h>
#include <thread>

#include "blindbox/http/error_body.h"
#include "blindbox/http/internal/answer.h"
#include "blindbox/http/relay.h"
#include "blindbox/net/socket_stream.h"

namespace blindbox::http {
namespace {

using base::view;
namespace asio = net::asio;
constexpr std::size_t kConnections = 1024;

}  // namespace

struct internal::ServerState {
  ServerState(Handler handle, ServerLimits bounds) : handler(std::move(handle)), limits(bounds) {}
  Handler handler;
  ServerLimits limits;
  std::stop_source stopping;
  std::mutex mutex;
  std::condition_variable idle;
  std::size_t running = 0;  // under mutex

  bool begin() {
    const std::scoped_lock lock(mutex);
    if (running >= limits.requests_at_once || stopping.stop_requested()) return false;
    ++running;
    return true;
  }
  void finish() {
    const std::scoped_lock lock(mutex);
    --running;
    idle.notify_all();
  }
};

namespace {

using StatePtr = std::shared_ptr<internal::ServerState>;

void run_handler(const StatePtr& state, const std::shared_ptr<internal::Answer>& answer, Request request) {
  std::thread([state, answer, request = std::move(request)] {
    // A handler that throws must not take the others down with it.
    try {
      state->handler(request, *answer, answer->token());
    } catch (const std::exception&) {
      answer->respond({500, "application/json", R"({"error":{"code":500,"message":"internal error","type":"server_error"}})", {}});
    }
    answer->end();
    state->finish();
  }).detach();
}

net::Task<bool> send_answer(internal::Answer& answer, net::Stream& stream, bool keep_alive) {
  bool chunked = false;
  while (true) {
    auto step = co_await answer.next();
    if (step.response) {
      const auto put = co_await write_response(stream, *step.response, keep_alive);
      co_return put && keep_alive;
    }
    if (step.stream_status != 0) {
      chunked = true;
      const ResponseHead head{step.stream_status,
                              {{"Content-Type", step.content_type}, {"Cache-Control", "no-store"}},
                              {Framing::Kind::chunked, 0},
                              keep_alive};
      const std::string text = write_head(head);
      if (!(co_await stream.write(view(text)))) co_return false;
    }
    if (!step.chunk.empty()) {
      const std::string chunk = write_chunk(view(step.chunk));
      if (!(co_await stream.write(view(chunk)))) co_return false;
    }
    if (!step.ended) continue;
    if (!chunked) co_return false;  // the handler ended without an answer
    const auto put = co_await stream.write(view(kLastChunk));
    co_return put && keep_alive;
  }
}

net::Task<bool> answer_one(const StatePtr& state, RequestReader& reader, net::Stream& stream, RequestHead head) {
  using asio::experimental::awaitable_operators::operator||;
  if (head.expects_continue && !(co_await stream.write(view("HTTP/1.1 100 Continue\r\n\r\n")))) co_return false;
  auto body = co_await reader.read_whole_body(kBodyLimit);
  if (!body) {
    (void)co_await write_response(stream, error_response(head.target, status_for(body.error()), "invalid_request_error", body.error()), false);
    co_return false;
  }
  if (!state->begin()) {
    const Error busy{ErrorKind::limit, "too many requests at once", "", ""};
    auto response = error_response(head.target, 503, "unavailable_error", busy);
    response.fields.emplace_back("Retry-After", "1");
    const auto put = co_await write_response(stream, response, head.keep_alive);
    co_return put && head.keep_alive;
  }
  const auto answer = std::make_shared<internal::Answer>(stream.executor());
  const std::stop_callback on_shutdown(state->stopping.get_token(), [answer] { answer->abandon(); });
  run_handler(state, answer, Request{head.method, head.target, std::move(head.fields), std::move(*body)});
  const bool keep = head.keep_alive && !head.http_1_0;
  auto outcome = co_await (send_answer(*answer, stream, keep) || reader.wait_for_end());
  answer->abandon();
  co_return outcome.index() == 0 && std::get<0>(outcome);
}

net::Task<void> serve_connection(StatePtr state, net::Socket socket, net::Session& session) {
  net::SocketStream stream(std::move(socket));
  session.own(stream);
  stream.set_write_deadline(std::chrono::minutes(2));
  RequestReader reader(stream);
  while (!state->stopping.stop_requested()) {
    auto head = co_await reader.read_head(kIdleLimit);
    if (!head && head.error().kind != ErrorKind::network) {
      (void)co_await write_response(stream, error_response("/", status_for(head.error()), "invalid_request_error", head.error()), false);
    }
    if (!head || !*head) break;
    if (!co_await answer_one(state, reader, stream, std::move(**head))) break;
  }
  co_await stream.shut_down();
}

net::Acceptor adopt(const net::Executor& executor, int listening) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  (void)::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length);
  return net::Acceptor(executor, asio::generic::stream_protocol(address.ss_family, 0), listening);
}

}  // namespace

Server::Server(const net::Executor& executor, int listening, Handler handler, ServerLimits limits)
    : state_(std::make_shared<internal::ServerState>(std::move(handler), limits)),
      sessions_(adopt(executor, listening), kConnections, [state = state_](net::Socket socket, net::Session& session) {
        return serve_connection(state, std::move(socket), session);
      }) {}

Server::~Server() {
  stop();
  std::unique_lock lock(state_->mutex);
  state_->idle.wait(lock, [this] { return state_->running == 0; });
}

void Server::start() { sessions_.start(); }

void Server::stop() {
  state_->stopping.request_stop();
  sessions_.stop();
}

}  // namespace blindbox::http
