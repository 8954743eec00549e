// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/sandbox.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "blindbox/sandbox/internal/build.h"
#include "blindbox/sandbox/internal/namespaces.h"

namespace blindbox::sandbox {
namespace {

using base::Fd;
using internal::ControlGroup;
using internal::failed;
using internal::Message;

struct Pair {
  Fd ours, theirs;
};

Result<Pair> make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return base::fail(ErrorKind::io, "cannot talk to a sandbox", failed("socketpair"));
  return Pair{Fd(ends[0]), Fd(ends[1])};
}

// What came back from the processes that make the sandbox.
struct Heard {
  Posture posture;
  std::optional<Error> error;
  Fd listener;
  pid_t keeper = -1;
  bool complete = false;
};

Heard listen_to(int socket, pid_t builder, const User& user) {
  Heard heard;
  while (auto message = internal::receive(socket)) {
    switch (message->kind) {
      case Message::Kind::step: heard.posture.steps.push_back(std::move(message->step)); break;
      case Message::Kind::map_users: {
        Message answer;
        answer.kind = Message::Kind::map_users;
        answer.text = internal::map_users(builder, user);
        (void)internal::send(socket, answer);
        break;
      }
      case Message::Kind::keeper: heard.keeper = std::atoi(message->text.c_str()); break;
      case Message::Kind::listener: heard.listener = std::move(message->descriptor); break;
      case Message::Kind::tier:
        heard.posture.tier = static_cast<Tier>(std::atoi(message->text.c_str()));
        heard.complete = true;
        break;
      case Message::Kind::error: heard.error = std::move(message->error); break;
    }
  }
  return heard;
}

int wait_for(pid_t pid) {
  int how = 0;
  while (::waitpid(pid, &how, 0) < 0) {
    if (errno != EINTR) return 0;
  }
  return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

}  // namespace

Settings settings_from(const specification::Specification& specification) {
  Settings settings;
  settings.application = specification.application;
  settings.port = specification.port;
  settings.writable = specification.writable;
  settings.limits = specification.limits;
  settings.minimum_tier = specification.minimum_tier;
  return settings;
}

Result<Running> start(const Settings& settings) {
  if (settings.application.command.empty()) return base::fail(ErrorKind::usage, "there is no command to run");
  auto user = resolve_user(settings.application.user);
  if (!user) return base::pass_on(user);
  auto report = make_pair();
  auto control = make_pair();
  if (!report || !control) return base::pass_on(report ? control : report);
  ControlGroup group =
      settings.maximum_tier == Tier::confined ? ControlGroup::make(settings.limits) : ControlGroup::left_out();
  Running running;
  running.group_ = group.folders();
  const internal::Plan plan{settings, *user, group, control->theirs.get(), ::getpid()};
  const pid_t builder = ::fork();
  if (builder < 0) return base::fail(ErrorKind::io, "cannot start a sandbox", failed("fork"));
  if (builder == 0) internal::build(plan, internal::Record(report->theirs.get()));
  report->theirs.reset();
  control->theirs.reset();
  Heard heard = listen_to(report->ours.get(), builder, *user);
  (void)wait_for(builder);
  running.pid_ = heard.keeper;
  if (heard.keeper > 0) running.pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, heard.keeper, 0)));
  running.control_ = std::move(control->ours);
  running.egress_listener_ = std::move(heard.listener);
  running.posture_ = std::move(heard.posture);
  running.uid_ =
      granted(running.posture_.steps, step::kIdentity) && internal::maps_everybody() ? user->uid : ::geteuid();
  // The destructor of running ends what there is of it.
  if (heard.error) return tl::unexpected<Error>(std::move(*heard.error));
  if (!heard.complete || heard.keeper <= 0)
    return base::fail(ErrorKind::io, "the sandbox ended before its command ran");
  return running;
}

Running::Running(Running&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      control_(std::move(other.control_)),
      egress_listener_(std::move(other.egress_listener_)),
      posture_(std::move(other.posture_)),
      uid_(other.uid_),
      group_(std::exchange(other.group_, {})) {}

Running::~Running() {
  if (pid_ > 0) {
    kill();
    (void)wait_for(pid_);
  }
  reaped();
}

bool Running::signal(int number) const {
  const auto byte = static_cast<std::uint8_t>(number);
  return ::send(control_.get(), &byte, 1, MSG_NOSIGNAL) == 1;
}

void Running::kill() const {
  if (pid_ > 0) (void)::kill(pid_, SIGKILL);
}

int Running::wait() {
  const int status = pid_ > 0 ? wait_for(pid_) : 0;
  reaped();
  return status;
}

void Running::reaped() {
  pid_ = -1;
  for (const std::string& folder : group_) ::rmdir(folder.c_str());
  group_.clear();
}

}  // namespace blindbox::sandbox
