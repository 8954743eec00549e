// SPDX-License-Identifier: Apache-2.0
#include "prober.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "blindbox/base/bytes.h"
#include "blindbox/probe/inside.h"
#include "blindbox/sandbox/steps.h"

namespace blindbox::init {
namespace {

// A larger writable directory is not filled to its brim for every client that asks.
constexpr std::uint64_t kMostFilled = std::uint64_t{64} << 20;

probe::Settings attempts(const sandbox::Settings& settings, const std::vector<sandbox::Step>& steps,
                         const probe::Nonce& nonce, std::uint16_t tls_port) {
  probe::Settings out;
  out.nonce = nonce;
  out.application_port = settings.port;
  for (const auto& entry : settings.writable) {
    out.writable.push_back({entry.path, entry.size <= kMostFilled ? entry.size : 0});
  }
  out.writable.push_back({"/dev/shm", 0});
  out.tcp = {{"127.0.0.1", tls_port}};  // the gateway, which an application must not reach from inside
  out.init = ::getpid();
  struct stat network {};
  if (::stat("/proc/self/ns/net", &network) == 0) out.outside_network = network.st_ino;
  const bool counted = sandbox::granted(steps, sandbox::step::kControlGroups);
  out.quotas.memory = counted ? settings.limits.memory : 0;
  out.quotas.processes = counted ? settings.limits.processes : 0;
  out.quotas.file_size = settings.limits.file_size;
  out.quotas.open_files = settings.limits.open_files;
  return out;
}

// The rest of the forked process. What it has of init's stays open only until the sandbox closes it.
[[noreturn]] void run(sandbox::Settings settings, int output) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  const base::Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  settings.executable = self.get();
  settings.output = output;
  settings.error = -1;
  auto running = sandbox::start(settings);
  if (!running) {
    (void)!::write(output, running.error().what.data(), running.error().what.size());
    ::_exit(1);
  }
  ::_exit(running->wait());
}

}  // namespace

probe::Nonce random_nonce() {
  probe::Nonce out{};
  const Bytes random = base::random_bytes(out.size());
  std::copy(random.begin(), random.end(), out.begin());
  return out;
}

std::optional<probe::Nonce> parse_nonce(const std::string& hex) {
  const auto bytes = base::from_hex(hex);
  probe::Nonce out{};
  if (!bytes || bytes->size() != out.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

Result<Prober> Prober::start(sandbox::Settings settings, const std::vector<sandbox::Step>& steps,
                             const probe::Nonce& nonce, std::uint16_t tls_port) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return base::fail(ErrorKind::io, "cannot make a pipe for the prober");
  Prober out;
  out.output_ = base::Fd(ends[0]);
  const base::Fd theirs(ends[1]);
  out.nonce_ = nonce;
  settings.application.command = {"prober", "inside",
                                  probe::encode_settings(attempts(settings, steps, nonce, tls_port))};
  out.pid_ = ::fork();
  if (out.pid_ < 0) return base::fail(ErrorKind::io, "cannot start the prober");
  if (out.pid_ == 0) run(std::move(settings), theirs.get());
  return out;
}

Prober::Prober(Prober&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::move(other.output_)),
      text_(std::move(other.text_)),
      nonce_(other.nonce_) {}

Prober::~Prober() {
  if (pid_ <= 0) return;
  (void)::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool Prober::read() {
  std::array<char, 4096> piece{};
  const ssize_t got = ::read(output_.get(), piece.data(), piece.size());
  if (got < 0 && errno == EINTR) return true;
  if (got > 0 && text_.size() < probe::kReportCap) text_.append(piece.data(), static_cast<std::size_t>(got));
  return got > 0;
}

Result<probe::Report> Prober::finish() const {
  auto report = probe::decode(text_);
  if (!report) return base::fail(ErrorKind::platform, "the prober said no report: " + text_.substr(0, 200));
  if (report->nonce != nonce_) return base::fail(ErrorKind::platform, "the prober answered another nonce");
  return report;
}

}  // namespace blindbox::init
