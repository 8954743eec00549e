// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <array>
#include <cstring>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe {
namespace {

using internal::Catalogue;
using internal::Entry;
using internal::Finding;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What a child says, in one write that a pipe keeps whole.
struct Message {
  Outcome outcome;
  int error;
  std::array<char, 200> detail;
};

const Catalogue& entries() {
  static const Catalogue all = [] {
    Catalogue out;
    for (const auto& add : {internal::add_network, internal::add_sockets, internal::add_processes, internal::add_proc,
                            internal::add_devices, internal::add_namespaces, internal::add_mounts, internal::add_kernel,
                            internal::add_files, internal::add_identity, internal::add_abi, internal::add_quotas}) {
      add(out);
    }
    return out;
  }();
  return all;
}

// Details are errors and names of ours; whatever else slipped in is made printable.
std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 0x20 && c < 0x7F ? c : '?';
  return out;
}

// The process with an attempt in it; killed and reaped however this ends.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { (void)end(); }

  // Its wait status; -1 where even SIGKILL does not end it within a second: then nobody waits for it.
  int end() {
    if (pid_ < 0) return status_;
    for (int i = 0; i < 1000; ++i) {
      const pid_t done = ::waitpid(pid_, &status_, WNOHANG);
      if (done != 0) {
        if (done < 0) status_ = -1;
        pid_ = -1;
        return status_;
      }
      if (i == 20) ::kill(pid_, SIGKILL);
      (void)::poll(nullptr, 0, 1);
    }
    pid_ = -1;
    return status_ = -1;
  }
  void kill() const {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }

 private:
  pid_t pid_;
  int status_ = -1;
};

[[noreturn]] void run_child(const Entry& entry, const Settings& settings, int to) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int number : {SIGTERM, SIGINT, SIGPIPE, SIGXFSZ, SIGSYS, SIGSEGV, SIGALRM}) {
    (void)::signal(number, number == SIGPIPE || number == SIGXFSZ ? SIG_IGN : SIG_DFL);
  }
  Settings own = settings;
  own.own_descriptors.push_back(to);
  const Finding finding = entry.run(own);
  Message message{finding.outcome, finding.error, {}};
  std::strncpy(message.detail.data(), finding.detail.c_str(), message.detail.size() - 1);
  (void)!::write(to, &message, sizeof message);
  ::_exit(0);
}

std::string how_it_ended(int status) {
  if (status == -1) return "it could not be ended";
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    const char* const name = ::sigabbrev_np(number);
    return std::string("killed by SIG") + (name == nullptr ? std::to_string(number) : name);
  }
  return "ended without a word";
}

bool readable_within(int fd, milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now()).count();
    pollfd one{fd, POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<long>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Finding run_entry(const Entry& entry, const Settings& settings) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {Outcome::not_applicable, errno, "no pipe for the attempt"};
  const base::Fd from(ends[0]);
  base::Fd to(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return {Outcome::not_applicable, errno, "no process for the attempt"};
  if (pid == 0) {
    ::close(from.get());
    run_child(entry, settings, to.get());
  }
  Child child(pid);
  to.reset();
  if (!readable_within(from.get(), settings.deadline)) {
    child.kill();
    return internal::blocked(ETIMEDOUT, "no answer within " + std::to_string(settings.deadline.count()) + " ms");
  }
  Message message{};
  if (::read(from.get(), &message, sizeof message) != static_cast<ssize_t>(sizeof message)) {
    return internal::blocked(0, how_it_ended(child.end()));
  }
  message.detail.back() = '\0';
  return {message.outcome, message.error, message.detail.data()};
}

Attempt attempt(const Entry& entry, const Settings& settings) {
  Finding finding = run_entry(entry, settings);
  if (finding.detail.empty() && finding.error != 0) {
    const char* const name = ::strerrorname_np(finding.error);
    finding.detail = name == nullptr ? "error " + std::to_string(finding.error) : name;
  }
  return {entry.id, entry.tries, finding.outcome, finding.error, one_line(finding.detail)};
}

}  // namespace

std::vector<Description> catalogue() {
  std::vector<Description> out;
  for (const Entry& entry : entries()) out.push_back({entry.id, entry.tries});
  return out;
}

Report run_all(const Settings& settings) {
  Report report{settings.nonce, {}};
  for (const Entry& entry : entries()) report.attempts.push_back(attempt(entry, settings));
  return report;
}

Attempt run_one(const Settings& settings, std::string_view id) {
  const auto found = std::ranges::find_if(entries(), [&](const Entry& entry) { return entry.id == id; });
  if (found != entries().end()) return attempt(*found, settings);
  return {std::string(id), "", Outcome::not_applicable, 0, "there is no such attempt"};
}

}  // namespace blindbox::probe
