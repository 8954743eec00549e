// SPDX-License-Identifier: Apache-2.0
// How the supervisor starts the others.
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "blindbox/attester/platform.h"
#include "blindbox/base/file.h"
#include "blindbox/sandbox/environment.h"
#include "blindbox/sandbox/helper.h"
#include "blindbox/sandbox/steps.h"
#include "blindbox/sandbox/user.h"
#include "supervisor.h"

namespace blindbox::init {
namespace {

constexpr std::uint16_t kEgressPort = 3128;  // on the application's own loopback

// Those that end us, and those that are passed on.
constexpr std::array kCaught = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT, SIGWINCH};

Result<base::Fd> catch_signals(int stop_signal) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kCaught) sigaddset(&set, number);
  sigaddset(&set, stop_signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return base::fail(ErrorKind::internal, "cannot block signals");
  base::Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return base::fail(ErrorKind::internal, "cannot wait for signals");
  return signals;
}

}  // namespace

Result<void> Supervisor::prepare() {
  if (auto kept = sandbox::protect_process(); !kept) return kept;
  // Where a container engine puts its own process 1 before us, orphans are still ours.
  if (::getpid() != 1 && ::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    return base::fail(ErrorKind::platform, "cannot become the reaper of orphans");
  if (auto platform = attester::parse_platform(options_.platform); !platform) return base::pass_on(platform);
  auto bytes = base::read_file(std::string(specification::kSpecificationPath), specification::kSpecificationCap);
  if (!bytes) return base::pass_on(bytes);
  specification_sha256_ = base::sha256(*bytes);
  auto specification = specification::decode(base::as_text(*bytes));
  if (!specification) return base::pass_on(specification);
  specification_ = std::move(*specification);
  stop_signal_ = specification::stop_signal_number(specification_.application.stop_signal).value_or(SIGTERM);
  auto signals = catch_signals(stop_signal_);
  if (!signals) return base::pass_on(signals);
  signals_ = std::move(*signals);
#ifndef BLINDBOX_HAS_EGRESS
  if (!specification_.egress.empty())
    return base::fail(ErrorKind::internal, "this blindbox-init was built without the egress proxy");
#endif
  auto user = sandbox::resolve_user(specification_.application.user);
  if (!user) return base::pass_on(user);
  application_user_ = user->uid;
  home_ = user->home;
  auto connector = sandbox::make_connector();
  if (!connector) return base::pass_on(connector);
  connector_ = std::move(*connector);
  return {};
}

Result<void> Supervisor::start_gateway() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return base::fail(ErrorKind::io, "cannot make the gateway's channel");
  gateway_channel_ = base::Fd(ends[0]);
  const base::Fd theirs(ends[1]);
  const std::string at = options_.listen.empty() ? "*:" + std::to_string(specification_.tls_port) : options_.listen;
  auto pid = start_role({"gateway", options_.platform, std::to_string(application_user_), at},
                        {theirs.get(), connector_.asker.get()});
  if (!pid) return base::pass_on(pid);
  gateway_ = *pid;
  connector_.asker.reset();  // the gateway alone reaches the application
  return {};
}

sandbox::Settings Supervisor::settings() {
  auto settings = sandbox::settings_from(specification_);
  settings.egress_port = specification_.egress.empty() ? 0 : kEgressPort;
  settings.application.environment =
      sandbox::closed_environment(specification_.application.environment, specification_.environment_passed,
                                  container_environment_, home_, settings.egress_port);
  settings.keeper_end = connector_.keeper.get();
  // An emulator's folder would be an interface for evidence in the application's hands.
  if (const auto platform = attester::parse_platform(options_.platform); platform && platform->path.starts_with('/')) {
    settings.hidden.push_back(platform->path);
  }
  // A client was promised the first start's tier.
  if (tier_) settings.minimum_tier = *tier_;
  return settings;
}

Result<void> Supervisor::start_application() {
  auto settings = this->settings();
  base::Fd output, error;
  if (specification_.output == specification::Output::all) output = output_.open();
  if (specification_.output != specification::Output::none) error = error_.open();
  settings.output = output.get();
  settings.error = error.get();
  auto running = sandbox::start(settings);
  if (!running) return base::pass_on(running);
  if (!tier_) spdlog::info("posture {}", sandbox::to_json(running->posture()));
  tier_ = running->posture().tier;
  started_ = Clock::now();
  egress_listener_ = running->take_egress_listener();
  application_.emplace(std::move(*running));
  return start_egress();
}

Result<void> Supervisor::start_egress() {
  if (!egress_listener_) return {};
  auto pid = start_role({"egress"}, {egress_listener_.get()});
  if (!pid) return base::pass_on(pid);
  egress_ = *pid;
  return {};
}

Service Supervisor::service() const {
  Service service;
  service.specification_sha256 = specification_sha256_;
  service.tier = specification::tier_name(*tier_);
  service.port = specification_.port;
  service.tls_port = specification_.tls_port;
  service.own_network = sandbox::granted(application_->posture().steps, sandbox::step::kNetworkNamespace);
  service.uid = application_->uid();
  service.health = specification_.health;
  return service;
}

}  // namespace blindbox::init
