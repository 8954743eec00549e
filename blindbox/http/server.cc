// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/server.h"

#include <sys/socket.h>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <tuple>

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

  bool begin(bool bodyless) {
    const std::scoped_lock lock(mutex);
    const std::size_t most = limits.requests_at_once + (bodyless ? limits.bodyless_beyond : 0);
    if (running >= most || stopping.stop_requested()) return false;
    ++running;
    return true;
  }
  void finish() {
    const std::scoped_lock lock(mutex);
    --running;
    idle.notify_all();
  }

  std::atomic<std::size_t> large_bodies = 0;
};

namespace {

using StatePtr = std::shared_ptr<internal::ServerState>;

// A place among the large bodies, given back at the end of its life. False where there was none.
class LargeBody {
 public:
  LargeBody(StatePtr state, const Framing& framing)
      : state_(std::move(state)), large_(framing.kind == Framing::Kind::chunked || framing.length > kSmallBody) {
    if (large_) granted_ = ++state_->large_bodies <= state_->limits.large_bodies_at_once;
  }
  LargeBody(const LargeBody&) = delete;
  LargeBody& operator=(const LargeBody&) = delete;
  ~LargeBody() {
    if (large_) --state_->large_bodies;
  }
  explicit operator bool() const { return granted_; }

 private:
  StatePtr state_;
  bool large_;
  bool granted_ = true;
};

Response too_busy(const std::string& target, const char* what) {
  return error_response(target, 503, "unavailable_error", Error{ErrorKind::limit, what, "", ""});
}

// nullopt: the answer has been sent, and the connection is of no more use.
net::Task<std::optional<std::string>> read_body(StatePtr state, RequestReader& reader, net::Stream& stream,
                                                const RequestHead& head) {
  const LargeBody place(std::move(state), head.framing);
  if (!place) {
    const Response busy = too_busy(head.target, "too many large requests at once");
    std::ignore = co_await write_response(stream, busy, false);
    co_return std::nullopt;
  }
  if (head.expects_continue) {
    const auto put = co_await stream.write(view("HTTP/1.1 100 Continue\r\n\r\n"));
    if (!put) co_return std::nullopt;
  }
  auto body = co_await reader.read_whole_body(kBodyLimit);
  if (!body) {
    const Response refusal =
        error_response(head.target, status_for(body.error()), "invalid_request_error", body.error());
    std::ignore = co_await write_response(stream, refusal, false);
    co_return std::nullopt;
  }
  co_return std::move(*body);
}

// Throws std::system_error where the machine has no thread left.
void start_thread(const StatePtr& state, std::shared_ptr<internal::Answer> answer, Request request) {
  std::thread([state, answer = std::move(answer), request = std::move(request)]() mutable {
    // A handler that throws must not take the others down with it.
    try {
      state->handler(request, *answer, answer->token());
      answer->end();
    } catch (...) {
      answer->break_off();
    }
    answer.reset();  // its timer belongs to the executor, which may go once the last handler has finished
    state->finish();
  }).detach();
}

void run_handler(const StatePtr& state, const std::shared_ptr<internal::Answer>& answer, Request request) {
  try {
    start_thread(state, answer, std::move(request));
  } catch (const std::system_error&) {
    answer->end();  // without an answer, which is told as our failure
    state->finish();
  }
}

Response internal_error(std::string_view target) {
  return error_response(target, 500, "server_error", {ErrorKind::internal, "the application failed", "", ""});
}

// False when the connection must not carry another request.
net::Task<bool> send_answer(internal::Answer& answer, net::Stream& stream, const RequestHead& request) {
  const bool keep_alive = request.keep_alive && !request.http_1_0;
  const bool bodyless = request.method == "HEAD";
  const auto kind = request.http_1_0 ? Framing::Kind::none : Framing::Kind::chunked;  // HTTP/1.0: until the close
  bool begun = false;
  while (true) {
    auto step = co_await answer.next();
    if (step.response || (!begun && step.stream_status == 0)) {  // the latter: the handler ended without an answer
      const auto response = step.response ? std::move(*step.response) : internal_error(request.target);
      const auto put = co_await write_response(stream, response, keep_alive, bodyless);
      co_return put&& keep_alive;
    }
    std::string text;
    if (step.stream_status != 0) {
      begun = true;
      text = write_head(ResponseHead{step.stream_status,
                                     {{"Content-Type", step.content_type}, {"Cache-Control", "no-store"}},
                                     {bodyless ? Framing::Kind::none : kind, 0},
                                     keep_alive});
    }
    // Without a last chunk nobody takes a broken answer for whole.
    if (!bodyless) append_piece(text, view(step.chunk), kind, step.ended && !step.broken);
    if (!text.empty()) {
      const auto put = co_await stream.write(view(text));
      if (!put) co_return false;
    }
    if (step.broken) co_return false;
    if (step.ended) co_return keep_alive;
  }
}

net::Task<bool> answer_one(const StatePtr& state, RequestReader& reader, net::Stream& stream, RequestHead head) {
  using asio::experimental::awaitable_operators::operator||;
  auto body = co_await read_body(state, reader, stream, head);
  if (!body) co_return false;
  const bool bodyless = head.framing.kind != Framing::Kind::chunked && head.framing.length == 0;
  if (!state->begin(bodyless)) {
    const Response busy = too_busy(head.target, "too many requests at once");
    const auto put = co_await write_response(stream, busy, head.keep_alive, head.method == "HEAD");
    co_return put&& head.keep_alive;
  }
  const auto answer = std::make_shared<internal::Answer>(stream.executor());
  const std::stop_callback on_shutdown(state->stopping.get_token(), [answer] { answer->abandon(); });
  run_handler(state, answer, Request{head.method, head.target, std::move(head.fields), std::move(*body)});
  auto outcome = co_await (send_answer(*answer, stream, head) || reader.wait_for_end());
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
      (void)co_await write_response(
          stream, error_response("/", status_for(head.error()), "invalid_request_error", head.error()), false);
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
