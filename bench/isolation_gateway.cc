// SPDX-License-Identifier: Apache-2.0
// The other side of the isolation benchmark: the same attested gateway without any layer, in front of an application
// that it reaches over this machine's loopback.
//   isolation_gateway PLATFORM TLS-PORT APPLICATION-PORT
#include <sys/prctl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <csignal>

#include "blindbox/attester/attester.h"
#include "blindbox/evidence/manifest.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/net/await.h"
#include "blindbox/net/connect.h"
#include "measure.h"

namespace blindbox::bench {
namespace {

// Of the same size as blindbox-init's, though nothing of it is true here.
Bytes manifest() {
  evidence::ServiceManifest manifest;
  manifest.isolation = {base::sha256({}), "namespaces"};
  manifest.padding = {attested_tls::kRecordBlock, "record-block"};
  manifest.software = {"blindbox", "0.0.0"};
  return base::to_bytes(base::view(evidence::encode_manifest(manifest)));
}

// As blindbox-init's gateway connects, but for where the socket comes from.
net::Task<Result<net::Socket>> connect(net::Executor executor, std::uint16_t port) {
  using net::asio::ip::tcp;
  net::Socket socket(executor);
  const tcp::endpoint to(net::asio::ip::address_v4::loopback(), port);
  const auto [error] = co_await socket.async_connect(to, net::kAwait);
  if (error) co_return base::fail(ErrorKind::network, "the application does not listen", error.message());
  co_return socket;
}

std::uint16_t port(const char* text) { return static_cast<std::uint16_t>(std::atoi(text)); }

void run(char** arguments) {
  const auto attester = take(attester::open_attester(take(attester::parse_platform(arguments[1]))));
  (void)take(attester->attest({}));  // as blindbox-init does at its start
  net::asio::io_context loop(1);
  attested_tls::Responder responder(
      loop.get_executor(), [&attester](const ByteArray<64>& data) { return attester->attest(data); }, manifest());
  const std::uint16_t application = port(arguments[3]);
  gateway::Gateway gateway(take(net::listen_tcp(loop.get_executor(), {"127.0.0.1", port(arguments[2])})), responder,
                           [&loop, application] { return connect(loop.get_executor(), application); }, {});
  require(gateway.start().has_value(), "the gateway does not start");
  loop.run();
}

}  // namespace
}  // namespace blindbox::bench

int main(int argc, char** argv) {
  blindbox::bench::require(argc == 4, "usage: isolation_gateway PLATFORM TLS-PORT APPLICATION-PORT");
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
  blindbox::bench::run(argv);
}
