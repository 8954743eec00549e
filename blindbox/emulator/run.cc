// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/run.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "blindbox/base/fd.h"
#include "blindbox/emulator/fuse_guest.h"
#include "blindbox/emulator/internal/unmount_watchdog.h"

namespace blindbox::emulator {
namespace {

// SIGTERM and its like as something to poll for; the old mask comes back at the end.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      struct sigaction action {};
      (void)::sigaction(signal, nullptr, &action);
      // Blocked, a signal would reach the descriptor even where nohup has it ignored.
      if (action.sa_handler != SIG_IGN) sigaddset(&set, signal);
    }
    (void)::pthread_sigmask(SIG_BLOCK, &set, &before_);
    fd_ = base::Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~Signals() {
    // What is pending has been obeyed; with the old mask it would end the process.
    signalfd_siginfo seen{};
    while (fd_ && ::read(fd_.get(), &seen, sizeof(seen)) > 0) {
    }
    (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  sigset_t before_{};
  base::Fd fd_;
};

void print_banner(const Options& options, const std::string& fingerprint, const std::string& kds_url) {
  std::fprintf(stderr,
               "\n  ****  EMULATED, NOT A TEE  ****\n"
               "  Nothing that runs behind this device is protected from anybody.\n"
               "  guest: %s on %s, report version %u\n"
               "  fingerprint: %s\n"
               "  A policy that says `unsafe: {trust_emulator: FINGERPRINT}` accepts it.\n\n",
               std::string(evidence::sev_snp::product_name(options.guest.product)).c_str(), options.folder.c_str(),
               options.guest.version, fingerprint.c_str());
  if (kds_url.empty()) return;
  std::fprintf(stderr,
               "  EMULATED key distribution service: %s\n"
               "  Its certificates and revocation lists are this emulator's, not AMD's.\n\n",
               kds_url.c_str());
}

}  // namespace

Result<void> run_emulator(const Options& options) {
  if (options.exit_with_parent) {
    const pid_t parent = ::getppid();
    (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) return base::fail(ErrorKind::cancelled, "the process that started the emulator is gone");
  }
  const Signals signals;
  if (signals.fd() < 0)
    return base::fail(ErrorKind::io, std::string("cannot make a signalfd: ") + std::strerror(errno));
  auto keys = options.key_folder.empty() ? generate_keys() : load_or_generate_keys(options.key_folder);
  if (!keys) return base::pass_on(keys);
  const auto processor = std::make_shared<SecurityProcessor>(std::move(*keys));
  const auto device = std::make_shared<EmulatedDevice>(processor, options.guest, options.latency);
  auto guest = FuseGuest::mount(options.folder, device);
  if (!guest) return base::pass_on(guest);
  auto watchdog = internal::UnmountWatchdog::start(options.folder);
  if (!watchdog) return base::pass_on(watchdog);
  // Its thread comes after the watchdog's fork.
  std::unique_ptr<KeyDistribution> kds;
  if (options.key_distribution) {
    auto started = KeyDistribution::start(processor, *options.key_distribution);
    if (!started) return base::pass_on(started);
    kds = std::move(*started);
  }
  const std::string kds_url = kds ? kds->url() : "";
  print_banner(options, processor->fingerprint(), kds_url);
  if (options.on_ready) options.on_ready(processor->fingerprint(), kds_url);
  (*guest)->serve(signals.fd());
  guest->reset();  // unmounted first, then the watchdog goes
  return {};
}

}  // namespace blindbox::emulator
