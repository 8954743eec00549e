// SPDX-License-Identifier: Apache-2.0
#include "supervisor.h"

#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

namespace blindbox::init {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kGrace{10};         // of the application, from its stop signal to SIGKILL
constexpr std::chrono::seconds kGatewayGrace{12};  // the gateway ends its requests within ten
constexpr milliseconds kFirstPause{100};           // before a restart; twice as long each time
constexpr milliseconds kLongestPause{30'000};
constexpr std::chrono::seconds kRanForAWhile{60};  // then the next pause is the first again

int status_of(int how) { return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how); }

}  // namespace

int Supervisor::run() {
  auto result = prepare();
  if (result) result = start_gateway();
  if (result) result = start_application();
  if (result && !say(gateway_channel_.get(), Say::serve, encode(service()))) spdlog::error("the gateway has ended");
  if (result) result = loop();
  if (!result) end(report(result.error()));
  return finish();
}

Result<void> Supervisor::loop() {
  while (!status_) {
    wait();
    if (auto result = on_time(); !result) return result;
  }
  return {};
}

void Supervisor::wait() {
  milliseconds limit{60'000};
  for (const When& when : {restart_at_, egress_at_, kill_at_, gateway_kill_at_}) {
    if (when) limit = std::min(limit, std::chrono::duration_cast<milliseconds>(*when - Clock::now()) + milliseconds(1));
  }
  std::array<pollfd, 5> events = {pollfd{signals_.get(), POLLIN, 0},
                                  pollfd{gateway_channel_ ? gateway_channel_.get() : -1, POLLIN, 0}, output_.wish(),
                                  error_.wish(), pollfd{prober_ ? prober_->output() : -1, POLLIN, 0}};
  if (::poll(events.data(), events.size(), static_cast<int>(std::max<long>(limit.count(), 0))) <= 0) return;
  if (events[1].revents != 0) on_gateway_says();
  if (events[2].revents != 0) output_.move();
  if (events[3].revents != 0) error_.move();
  if (events[4].revents != 0 && !prober_->read()) on_probe_end();
  if (events[0].revents != 0) on_signals();
}

Result<void> Supervisor::on_time() {
  const auto now = Clock::now();
  const auto due = [now](When& when) {
    if (!when || *when > now) return false;
    when.reset();
    return true;
  };
  if (due(kill_at_) && application_) {
    spdlog::warn("the application has not ended within {} s of being asked to: killing it", kGrace.count());
    application_->kill();
  }
  if (due(gateway_kill_at_) && gateway_ > 0) (void)::kill(gateway_, SIGKILL);
  if (due(egress_at_)) {
    if (auto started = start_egress(); !started) return started;
  }
  if (due(restart_at_)) {
    if (auto started = start_application(); !started) return started;
    (void)say(gateway_channel_.get(), Say::restarted);
  }
  return {};
}

void Supervisor::on_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal)) {
    const int number = static_cast<int>(signal.ssi_signo);
    if (number == SIGCHLD) {
      reap();
    } else if (number != SIGTERM && number != SIGINT && number != stop_signal_) {
      if (application_) (void)application_->signal(number);
    } else if (draining_) {
      spdlog::warn("asked to end a second time: not waiting any more");
      if (application_) application_->kill();
      if (gateway_ > 0) (void)::kill(gateway_, SIGKILL);
    } else {
      begin_drain();
    }
  }
}

void Supervisor::reap() {
  int how = 0;
  for (pid_t pid = ::waitpid(-1, &how, WNOHANG); pid > 0; pid = ::waitpid(-1, &how, WNOHANG)) {
    if (application_ && pid == application_->pid()) {
      application_->reaped();
      on_application_end(status_of(how));
    } else if (pid == gateway_) {
      gateway_ = -1;
      on_gateway_end(status_of(how));
    } else if (pid == egress_) {
      egress_ = -1;
      if (!draining_ && application_) egress_at_ = Clock::now() + kFirstPause * 10;
    }
  }
}

void Supervisor::on_gateway_says() {
  const auto said = hear(gateway_channel_.get());
  if (!said) return gateway_channel_.reset();
  switch (said->what) {
    case Say::attested:
      if (said->text.starts_with("EMULATED"))
        spdlog::warn("*** EMULATED, NOT A TEE: whoever runs this machine can read everything ***");
      spdlog::info("evidence from {}", said->text);
      break;
    case Say::ready:
      spdlog::info("ready: attested TLS on port {}", said->text);
      tls_port_ = static_cast<std::uint16_t>(std::atoi(said->text.c_str()));
      start_probe(random_nonce());
      break;
    case Say::probe:
      if (const auto nonce = parse_nonce(said->text)) start_probe(*nonce);
      break;
    case Say::well: spdlog::info("the application answers"); break;
    case Say::unwell:
      spdlog::error("the application was not well within the time that its health check gives it: ending it");
      if (application_) application_->kill();
      break;
    default: break;  // what failed is told by the gateway itself
  }
}

// Beside the application, behind walls of its own that are built the same way.
void Supervisor::start_probe(const probe::Nonce& nonce) {
  if (prober_) {
    next_probe_ = nonce;
    return;
  }
  auto settings = this->settings();
  settings.egress_port = 0;
  settings.keeper_end = -1;
  const auto steps = application_ ? application_->posture().steps : std::vector<sandbox::Step>{};
  auto prober = Prober::start(std::move(settings), steps, nonce, tls_port_);
  if (prober) {
    prober_.emplace(std::move(*prober));
  } else {
    (void)say(gateway_channel_.get(), Say::unprobed, prober.error().what);
  }
}

void Supervisor::on_probe_end() {
  const auto report = prober_->finish();
  prober_.reset();
  if (!report) {
    spdlog::error("the escape attempts could not be made: {}", report.error().what);
    (void)say(gateway_channel_.get(), Say::unprobed, report.error().what);
  } else {
    const auto escaped = report->count(probe::Outcome::escaped);
    if (escaped > 0) spdlog::warn("{} of {} escape attempts got out", escaped, report->attempts.size());
    (void)say(gateway_channel_.get(), Say::probed, probe::encode(*report));
  }
  if (const auto next = std::exchange(next_probe_, std::nullopt); next && !draining_) start_probe(*next);
}

void Supervisor::on_application_end(int status) {
  application_.reset();
  kill_at_.reset();
  if (egress_ > 0) (void)::kill(egress_, SIGTERM);  // it says what it has counted
  egress_listener_.reset();
  last_status_ = status;
  spdlog::info("the application ended with status {}", status);
  if (draining_) return end(status);
  const auto policy = specification_.restart;
  const bool again =
      policy == specification::Restart::always || (policy == specification::Restart::on_failure && status != 0);
  if (!again) return end(status);
  if (Clock::now() - started_ > kRanForAWhile) restarts_ = 0;
  const auto pause = std::min(kFirstPause * (1U << std::min(restarts_, 12U)), kLongestPause);
  ++restarts_;
  spdlog::info("starting it again in {} ms", pause.count());
  restart_at_ = Clock::now() + pause;
}

void Supervisor::on_gateway_end(int status) {
  gateway_channel_.reset();
  gateway_kill_at_.reset();
  if (draining_) return ask_application_to_end();
  // Its keys are gone with it. A new one would be another server, so whoever runs the container decides.
  spdlog::error("the gateway ended with status {}: so does everything", status);
  end(status == 0 ? base::exit_code(ErrorKind::internal) : status);
}

// First the gateway, so that requests under way still find their application; then the application.
void Supervisor::begin_drain() {
  draining_ = true;
  restart_at_.reset();
  egress_at_.reset();
  spdlog::info("draining: requests under way have 10 s to end, then the application has {} s", kGrace.count());
  gateway_kill_at_ = Clock::now() + kGatewayGrace;
  if (gateway_ < 0 || !say(gateway_channel_.get(), Say::drain)) ask_application_to_end();
}

void Supervisor::ask_application_to_end() {
  if (!application_) return end(last_status_);
  (void)application_->signal(stop_signal_);
  kill_at_ = Clock::now() + kGrace;
}

void Supervisor::end(int status) {
  if (!status_) status_ = status;
}

int Supervisor::finish() {
  // Once: a second one would end it before it has spoken.
  if (application_ && egress_ > 0) (void)::kill(egress_, SIGTERM);
  application_.reset();
  prober_.reset();
  if (egress_ > 0) {
    for (auto left = 2 * kEgressDrain; left.count() > 0; left -= std::chrono::milliseconds(5)) {
      if (::waitpid(egress_, nullptr, WNOHANG) == egress_) {
        egress_ = -1;
        break;
      }
      (void)::poll(nullptr, 0, 5);
    }
  }
  for (const pid_t helper : {gateway_, egress_}) {
    if (helper <= 0) continue;
    (void)::kill(helper, SIGKILL);
    (void)::waitpid(helper, nullptr, 0);
  }
  // What the application had printed before it ended.
  for (Output* const stream : {&output_, &error_}) {
    for (pollfd wish = stream->wish(); wish.fd >= 0 && ::poll(&wish, 1, 100) > 0; wish = stream->wish()) stream->move();
  }
  return status_.value_or(base::exit_code(ErrorKind::internal));
}

int run_supervisor(const Options& options, const std::vector<std::string>& container_environment) {
  return Supervisor(options, container_environment).run();
}

}  // namespace blindbox::init
