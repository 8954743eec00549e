// SPDX-License-Identifier: Apache-2.0
// The engine behind its HTTP interface on a loopback port, without TLS and evidence: what llama-server is compared
// with. Usage: completion_server MODEL THREADS; prints the port.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>

#include "blindbox/api/app.h"
#include "blindbox/http/server.h"
#include "measure.h"

int main(int argc, char** argv) {
  using namespace blindbox;
  bench::require(argc == 3, "usage: completion_server MODEL THREADS");
  completion::ModelSource source;
  source.path = argv[1];
  source.threads = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  api::App application(bench::take(completion::Engine::load(source)));
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bench::require(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     ::listen(listening, 128) == 0,
                 "cannot listen");
  boost::asio::io_context io;
  http::Server server(io.get_executor(), listening, application.handler());
  server.start();
  std::printf("%u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  io.run();
  return 0;
}
