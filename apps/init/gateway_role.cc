// SPDX-License-Identifier: Apache-2.0
// The smallest process: the TLS keys, the way to the security processor, and one way to the application.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <nlohmann/json.hpp>

#include "blindbox/attester/attester.h"
#include "blindbox/evidence/manifest.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/net/await.h"
#include "blindbox/net/connect.h"
#include "blindbox/sandbox/helper.h"
#include "channel.h"
#include "door.h"
#include "probe_desk.h"
#include "roles.h"

namespace blindbox::init {
namespace {

namespace asio = net::asio;
constexpr std::chrono::seconds kDrain{10};

bool emulated(attester::Platform::Kind kind) {
  return kind == attester::Platform::Kind::emulator || kind == attester::Platform::Kind::emulator_ioctl;
}

std::string manifest_of(const Service& service) {
  evidence::ServiceManifest manifest;
  manifest.isolation = {service.specification_sha256, service.tier};
  manifest.padding = {attested_tls::kRecordBlock, "record-block"};
  manifest.software = {"blindbox", BLINDBOX_VERSION};
  return evidence::encode_manifest(manifest);
}

// "ADDR:PORT"; "*:PORT" is every address of both families where the machine has IPv6, else of IPv4 alone.
Result<net::Acceptor> listen(asio::io_context& io, const std::string& at) {
  const bool everywhere = at.starts_with("*:");
  auto parsed = net::parse_host_port(everywhere ? "0.0.0.0" + at.substr(1) : at);
  if (!parsed) return base::pass_on(parsed);
  if (everywhere) {
    if (auto both = net::listen_tcp(io.get_executor(), {"::", parsed->port})) return both;
  }
  return net::listen_tcp(io.get_executor(), *parsed);
}

void print_stats(const gateway::Gateway& gateway, const attested_tls::Responder& responder) {
  const gateway::Stats stats = gateway.stats();
  const nlohmann::json line = {{"connections", stats.connections},
                               {"challenges", stats.challenges},
                               {"device_calls", responder.device_calls()},
                               {"requests", stats.requests},
                               {"application_bytes", stats.application_bytes}};
  spdlog::info("gateway: {}", line.dump());
}

// What init still says while requests are served.
net::Task<void> obey(asio::posix::stream_descriptor& control, Door& door, ProbeDesk& desk, gateway::Gateway& gateway,
                     asio::io_context& io) {
  while (true) {
    const auto [error] = co_await control.async_wait(asio::posix::stream_descriptor::wait_read, net::kAwait);
    const auto said = error ? std::nullopt : hear(control.native_handle());
    if (!said || said->what == Say::drain) {
      co_await gateway.drain(kDrain);
      io.stop();
      co_return;
    }
    if (said->what == Say::restarted) door.restarted();
    if (said->what == Say::probed) desk.on_report(said->text);
    if (said->what == Say::unprobed) desk.on_failure(said->text);
  }
}

Result<void> serve(const Service& service, attester::Attester& attester, net::Acceptor acceptor, asio::io_context& io) {
  const std::string manifest = manifest_of(service);
  attested_tls::Responder responder(
      io.get_executor(), [&attester](const ByteArray<64>& data) { return attester.attest(data); },
      base::to_bytes(base::view(manifest)));
  Door door(io.get_executor(), service, base::Fd(kConnectorFd));
  gateway::Gateway gateway(std::move(acceptor), responder, [&door] { return door.open(); }, {});
  ProbeDesk desk(io.get_executor(), kControlFd, responder);
  gateway.serve_probe([&desk](attested_tls::Nonce nonce) { return desk.run(nonce); });
  if (auto started = gateway.start(); !started) return started;
  door.watch([](bool well) { (void)say(kControlFd, well ? Say::well : Say::unwell); });
  asio::posix::stream_descriptor control(io, kControlFd);
  asio::co_spawn(io, obey(control, door, desk, gateway, io), asio::detached);
  (void)say(kControlFd, Say::ready, std::to_string(gateway.port()));
  io.run();
  print_stats(gateway, responder);
  // Nothing is left to finish, and what coroutines still hold needs no order of destruction.
  std::fflush(nullptr);
  ::_exit(0);
}

Result<void> run(const std::string& platform_text, uid_t application, const std::string& at) {
  auto platform = attester::parse_platform(platform_text);
  if (!platform) return base::pass_on(platform);
  auto attester = attester::open_attester(*platform);
  if (!attester) return base::pass_on(attester);
  asio::io_context io(1);
  // While this process may still take a port below 1024.
  auto acceptor = listen(io, at);
  if (!acceptor) return base::pass_on(acceptor);
  sandbox::HelperRights rights;
  // The emulator's file system opens for the user alone who mounted it.
  if (!emulated(platform->kind)) rights.user = application == kGatewayUser ? kGatewayUser - 1 : kGatewayUser;
  rights.files_as_before = true;
  // Ends with init: its end of the control channel is checked besides.
  auto notes = sandbox::restrict_helper(rights, ::getppid());
  if (!notes) return base::pass_on(notes);
  if (!notes->empty()) spdlog::info("gateway: {}", *notes);
  // Asked once now: a device that fails is told before anything else starts.
  if (auto probe = (*attester)->attest({}); !probe) return base::pass_on(probe);
  (void)say(kControlFd, Say::attested, (*attester)->description());
  const auto said = hear(kControlFd);
  if (!said) return base::fail(ErrorKind::cancelled, "init has ended");
  auto service = decode_service(said->text);
  if (!service) return base::pass_on(service);
  sandbox::HelperReach reach;
  reach.folders = (*attester)->folders();
  reach.reads_proc = !service->own_network;  // who listens on the application's port
  reach.connect = service->port;
  if (auto open = sandbox::confine_helper(reach); !open.empty()) spdlog::info("gateway: {}", open);
  return serve(*service, **attester, *std::move(acceptor), io);
}

}  // namespace

int run_gateway(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3 || ::fcntl(kControlFd, F_GETFD) < 0 || ::fcntl(kConnectorFd, F_GETFD) < 0)
    return report({ErrorKind::usage, "this role is started by blindbox-init itself", "", ""});
  auto ran = run(arguments[0], static_cast<uid_t>(std::atol(arguments[1].c_str())), arguments[2]);
  if (ran) return 0;
  const int status = report(ran.error());
  (void)say(kControlFd, Say::failed, ran.error().what);
  return status;
}

}  // namespace blindbox::init
