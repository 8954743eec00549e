// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/build.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <tuple>

#include "blindbox/sandbox/internal/identity.h"
#include "blindbox/sandbox/internal/keeper.h"
#include "blindbox/sandbox/internal/namespaces.h"
#include "blindbox/sandbox/internal/root.h"
#include "blindbox/sandbox/internal/sockets.h"

namespace blindbox::sandbox::internal {
namespace {

constexpr std::string_view kOnPurpose = "left out on purpose";

void join_control_groups(const Plan& plan, Record& record) {
  std::string why = plan.group.why_not();
  if (why.empty()) why = plan.group.join();
  record.settle(step::kControlGroups, why, plan.group.detail());
}

void enter_user_namespace(Record& record) {
  // The starter writes the maps through /proc, which an undumpable process would keep from it; the keeper is undumpable
  // again before anything foreign runs.
  (void)::prctl(PR_SET_DUMPABLE, 1);
  if (auto why = enter(CLONE_NEWUSER); !why.empty()) return record.denied(step::kUserNamespace, why);
  Message map;
  map.kind = Message::Kind::map_users;
  (void)send(record.socket(), map);
  const auto answer = receive(record.socket());
  if (!answer || !answer->text.empty()) {
    const std::string why = answer ? answer->text : "the starter has ended";
    record.denied(step::kUserNamespace, why);
    record.abandon({ErrorKind::platform, "the kernel gave a user namespace and no users to it", why, ""});
  }
  record.granted(step::kUserNamespace, maps_everybody() ? "" : "one user");
}

void enter_namespaces(const Plan& plan, Record& record) {
  struct Namespace {
    std::string_view step;
    int flag;
  };
  const std::array others = {Namespace{step::kNetworkNamespace, CLONE_NEWNET},
                             Namespace{step::kMountNamespace, CLONE_NEWNS},
                             Namespace{step::kIpcNamespace, CLONE_NEWIPC}, Namespace{step::kUtsNamespace, CLONE_NEWUTS},
                             Namespace{step::kPidNamespace, CLONE_NEWPID}};
  if (plan.settings.maximum_tier == Tier::filtered) {
    record.not_needed(step::kUserNamespace, std::string(kOnPurpose));
    for (const Namespace& one : others) record.not_needed(one.step, std::string(kOnPurpose));
    return;
  }
  enter_user_namespace(record);
  for (const Namespace& one : others) {
    std::string why = enter(one.flag);
    if (why.empty() && one.flag == CLONE_NEWNET) why = loopback_up();
    record.settle(one.step, why);
  }
  (void)enter(CLONE_NEWCGROUP);  // hides the names of the groups; nothing rests on it
  if (record.has(step::kUtsNamespace)) std::ignore = ::sethostname("blindbox", 8);
}

// Whoever listens there before the application would be served its requests.
void check_port(const Plan& plan, Record& record) {
  if (record.has(step::kNetworkNamespace)) return record.granted(step::kPort, "in a network namespace of its own");
  if (plan.settings.port == 0) return record.not_needed(step::kPort, "the command listens nowhere");
  const auto taken = listeners(plan.settings.port);
  if (!taken) return record.denied(step::kPort, taken.error().what);
  record.settle(step::kPort, taken->empty() ? "" : "somebody listens there already",
                "free before the start; the network is the container's, so the listener's user is looked at, no more");
}

void listen_for_egress(const Plan& plan, Record& record) {
  if (plan.settings.egress_port == 0) return;
  const base::Fd listener = listen_loopback(plan.settings.egress_port);
  if (!listener) {
    record.abandon({ErrorKind::io, "cannot listen for the egress proxy",
                    failed("port " + std::to_string(plan.settings.egress_port)), ""});
  }
  Message message;
  message.kind = Message::Kind::listener;
  (void)send(record.socket(), message, listener.get());
}

[[noreturn]] void become_keeper(const Plan& plan, Record& record) {
  const bool own_processes = record.has(step::kPidNamespace);
  (void)::setsid();
  if (!own_processes) (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  check_port(plan, record);
  listen_for_egress(plan, record);
  if (record.has(step::kMountNamespace)) {
    make_root(plan.settings, plan.user, record);
  } else {
    open_writable(plan.settings, plan.user, record);
  }
  const pid_t keeper = ::getpid();
  const pid_t command = ::fork();
  if (command < 0) record.abandon({ErrorKind::io, "cannot start the command", failed("fork"), ""});
  if (command == 0) run_command(plan, record, own_processes, keeper);
  // Whatever else the starter had open is not the keeper's.
  const int control = ::dup2(plan.control, 0);
  const int connector = plan.settings.keeper_end < 0 ? -1 : ::dup2(plan.settings.keeper_end, 1);
  (void)::syscall(SYS_close_range, connector < 0 ? 1U : 2U, ~0U, 0U);
  keep(command, control, connector, plan.starter);
}

}  // namespace

void build(const Plan& plan, Record record) {
  join_control_groups(plan, record);
  enter_namespaces(plan, record);
  // The keeper is the starter's child, not ours: it is told at once when the keeper ends.
  const long keeper = ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (keeper < 0) record.abandon({ErrorKind::io, "cannot start the sandbox", failed("clone"), ""});
  if (keeper == 0) become_keeper(plan, record);
  Message message;
  message.kind = Message::Kind::keeper;
  message.text = std::to_string(keeper);
  (void)send(record.socket(), message);
  ::_exit(0);
}

}  // namespace blindbox::sandbox::internal
