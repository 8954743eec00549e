// SPDX-License-Identifier: Apache-2.0
// An attested front door for any application on this machine, for the tests of clients:
//   attested_gateway GUEST PORT     GUEST: an emulated guest's folder; PORT: where the application listens
// Prints "ready: URL", runs until SIGTERM, and then prints what clients gave away.
#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "blindbox/attester/attester.h"
#include "blindbox/evidence/manifest.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/net/connect.h"

namespace {

using namespace blindbox;

int tell(const Error& error) {
  fmt::print(stderr, "{}\n", base::to_string(error));
  return 1;
}

Bytes manifest() {
  evidence::ServiceManifest out;
  out.isolation.posture = "none";
  out.model = {"an application", base::sha256(base::view("none")), base::sha256(base::view("none"))};
  out.padding = {512, "record-block"};
  out.software.version = "0.1.0";
  return base::to_bytes(base::view(evidence::encode_manifest(out)));
}

int serve(const std::string& guest, std::uint16_t port) {
  auto platform = attester::parse_platform("emulator:" + guest);
  if (!platform) return tell(platform.error());
  auto attester = attester::open_attester(*platform);
  if (!attester) return tell(attester.error());
  boost::asio::io_context io(1);
  auto acceptor = net::listen_tcp(io.get_executor(), {"127.0.0.1", 0});
  if (!acceptor) return tell(acceptor.error());
  attested_tls::Responder responder(
      io.get_executor(), [&](const ByteArray<64>& data) { return (*attester)->attest(data); }, manifest());
  gateway::Gateway gateway(std::move(*acceptor), responder,
                           [port] {
                             return net::connect_tcp({"127.0.0.1", port}, std::chrono::seconds(10));
                           },
                           {});
  if (auto started = gateway.start(); !started) return tell(started.error());
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&io](const net::error_code&, int) { io.stop(); });
  fmt::print("ready: https://127.0.0.1:{}\n", gateway.port());
  std::fflush(stdout);
  io.run();
  const gateway::Stats stats = gateway.stats();
  fmt::print("{{\"connections\":{},\"challenges\":{},\"requests\":{},\"application_bytes\":{}}}\n", stats.connections,
             stats.challenges, stats.requests, stats.application_bytes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  const std::string_view number = argc == 3 ? argv[2] : "";
  if (std::from_chars(number.data(), number.data() + number.size(), port).ec != std::errc{}) {
    fmt::print(stderr, "usage: attested_gateway GUEST PORT\n");
    return 2;
  }
  return serve(argv[1], port);
}
