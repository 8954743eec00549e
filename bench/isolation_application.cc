// SPDX-License-Identifier: Apache-2.0
// The application that the isolation benchmark puts inside and outside of the sandbox: static, so that it runs in a
// container that holds nothing else, and with as little work of its own as possible, so that what is around it shows.
//   serve PORT          answers every GET: /small with 200 bytes, anything else with kStreamed bytes in pieces
//   exec PROGRAM ...    prints the monotonic clock in ns and becomes PROGRAM
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "isolation.h"

namespace {

using namespace blindbox::bench::isolation;

constexpr int kThreads = 8;

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool answer_small(int socket) {
  static const std::string text =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSmall) + "\r\n\r\n" + std::string(kSmall, 's');
  return send_all(socket, text);
}

// A write for each piece, as an application does that has no more yet.
bool answer_stream(int socket) {
  static const std::string chunk = [] {
    std::string head(16, '\0');
    head.resize(static_cast<std::size_t>(std::snprintf(head.data(), head.size(), "%zx\r\n", kPiece)));
    return head + std::string(kPiece, 'x') + "\r\n";
  }();
  if (!send_all(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")) return false;
  for (std::size_t sent = 0; sent < kStreamed; sent += kPiece) {
    if (!send_all(socket, chunk)) return false;
  }
  return send_all(socket, "0\r\n\r\n");
}

// Requests without a body, one after the other, until the other end closes.
void serve_connection(int socket) {
  std::string request;
  std::vector<char> piece(4096);
  while (true) {
    const ssize_t got = ::recv(socket, piece.data(), piece.size(), 0);
    if (got <= 0 || request.size() > 65536) return;
    request.append(piece.data(), static_cast<std::size_t>(got));
    for (auto end = request.find("\r\n\r\n"); end != std::string::npos; end = request.find("\r\n\r\n")) {
      const bool small = request.starts_with("GET /small ");
      request.erase(0, end + 4);
      if (!(small ? answer_small(socket) : answer_stream(socket))) return;
    }
  }
}

int serve(std::uint16_t port) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  (void)::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listening, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || ::listen(listening, 128) != 0) {
    std::perror("bench: error: the application cannot listen");
    return EXIT_FAILURE;
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([listening] {
      for (int socket = ::accept(listening, nullptr, nullptr); socket >= 0;
           socket = ::accept(listening, nullptr, nullptr)) {
        serve_connection(socket);
        ::close(socket);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return EXIT_FAILURE;
}

int become(char** command) {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  std::printf("%lld\n", static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec);
  (void)std::fflush(stdout);
  ::execv(command[0], command);
  std::perror("bench: error: cannot start the program");
  return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view role = argc > 2 ? argv[1] : "";
  if (role == "exec") return become(argv + 2);
  if (role == "serve") return serve(static_cast<std::uint16_t>(std::atoi(argv[2])));
  std::fputs("usage: isolation_application serve PORT | exec PROGRAM ...\n", stderr);
  return 2;
}
