// SPDX-License-Identifier: Apache-2.0
// The last steps, in the process that becomes the command.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <sstream>
#include <tuple>

#include "blindbox/sandbox/internal/build.h"
#include "blindbox/sandbox/internal/identity.h"
#include "blindbox/sandbox/internal/landlock.h"
#include "blindbox/sandbox/internal/seccomp.h"

namespace blindbox::sandbox::internal {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

std::string search_path(const std::vector<std::string>& environment) {
  for (const std::string& variable : environment) {
    if (variable.starts_with("PATH=")) return variable.substr(5);
  }
  return std::string(kDefaultPath);
}

void take_identity(const Plan& plan, Record& record) {
  record.settle(step::kLimits, set_limits(plan.settings.limits),
                "no core files; open files, file size and processes as specified");
  // A port below 1024, and nothing else, takes a capability: over the own network namespace, or within Landlock's rule.
  const auto bind = Capability::net_bind_service;
  const bool low_port = plan.settings.port != 0 && plan.settings.port < 1024 && has_capability(bind);
  const Capability* const keep = low_port ? &bind : nullptr;
  const std::string bounding = drop_bounding(keep);
  if (low_port) (void)::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  // A pipe belongs to who made it; programs open /dev/stdout again by its name.
  for (const int stream : {1, 2}) {
    struct stat what {};
    if (::fstat(stream, &what) == 0 && S_ISFIFO(what.st_mode))
      std::ignore = ::fchown(stream, plan.user.uid, plan.user.gid);
  }
  const std::string who = "user " + std::to_string(plan.user.uid) + ", group " + std::to_string(plan.user.gid);
  const std::string as = become(plan.user);
  record.settle(step::kIdentity, as.empty() ? "" : as + "; runs as user " + std::to_string(::geteuid()), who);
  std::string capabilities = drop_capabilities(keep);
  if (low_port && capabilities.empty()) capabilities = pass_on_capability(bind);
  record.settle(step::kCapabilities, capabilities,
                bounding.empty()
                    ? low_port ? "CAP_NET_BIND_SERVICE alone, for its port" : "none, and an empty bounding set"
                    : "none; the bounding set stays (" + bounding + ") and no_new_privileges rules it out");
  record.settle(step::kNoNewPrivileges, no_new_privileges());
}

void restrict_calls(const Plan& plan, Record& record) {
  apply_landlock(plan.settings, record);
  Filter filter;
  filter.own_network = record.has(step::kNetworkNamespace);
  filter.connect = filter.own_network || record.has(step::kLandlockNetwork);
  if (!filter.own_network && plan.settings.egress_port != 0) {
    record.abandon(
        {ErrorKind::platform, "the egress list cannot be enforced here",
         "there is no network namespace, and Landlock knows ports but no addresses: whoever may connect to the "
         "proxy may connect to its port on any machine",
         "run the container where user namespaces are allowed, or leave the egress list empty"});
  }
  record.settle(step::kSeccomp, apply_seccomp(filter), filter.connect ? "" : "connect is refused altogether");
}

// Nothing runs below the minimum.
void judge(const Plan& plan, Record& record) {
  const auto tier = tier_of(record.steps());
  if (tier && *tier >= plan.settings.minimum_tier) {
    Message message;
    message.kind = Message::Kind::tier;
    message.text = std::to_string(static_cast<int>(std::min(*tier, plan.settings.maximum_tier)));
    (void)send(record.socket(), message);
    return;
  }
  const std::string wanted(specification::tier_name(plan.settings.minimum_tier));
  record.abandon(
      {ErrorKind::platform, "this machine does not grant the isolation tier \"" + wanted + "\"",
       missing_for(record.steps(), plan.settings.minimum_tier),
       "give the container what the denied steps need, or set minimum_tier lower in blindbox.yml and build again"});
}

[[noreturn]] void execute(const Plan& plan, Record& record) {
  const auto& application = plan.settings.application;
  const auto arguments = pointers(application.command), environment = pointers(application.environment);
  const std::string& name = application.command.front();
  int error = ENOENT;
  if (plan.settings.executable >= 0) {
    (void)::execveat(plan.settings.executable, "", arguments.data(), environment.data(), AT_EMPTY_PATH);
    error = errno;
  } else if (name.find('/') != std::string::npos) {
    (void)::execve(name.c_str(), arguments.data(), environment.data());
    error = errno;
  } else {
    std::istringstream path(search_path(application.environment));
    for (std::string folder; std::getline(path, folder, ':');) {
      (void)::execve(((folder.empty() ? "." : folder) + "/" + name).c_str(), arguments.data(), environment.data());
      if (errno != ENOENT && errno != ENOTDIR) error = errno;
    }
  }
  record.abandon({ErrorKind::usage, "cannot run \"" + name + "\"", failed("execve", error),
                  "the command is the image's entrypoint and cmd; \"blindbox inspect\" shows it"});
}

}  // namespace

void run_command(const Plan& plan, Record& record, bool own_processes, pid_t keeper) {
  (void)::setsid();
  ::umask(022);
  if (auto why = set_descriptors(plan.settings.input, plan.settings.output, plan.settings.error); !why.empty())
    record.abandon({ErrorKind::io, "cannot give the command its standard streams", why, ""});
  take_identity(plan, record);
  const std::string& folder = plan.settings.application.working_directory;
  if (!folder.empty() && ::chdir(folder.c_str()) != 0) {
    record.abandon({ErrorKind::usage, "the working directory cannot be entered", failed(folder), ""});
  }
  reset_signals();
  if (!end_with_parent(own_processes ? 1 : keeper)) ::_exit(127);
  restrict_calls(plan, record);
  judge(plan, record);
  execute(plan, record);
}

}  // namespace blindbox::sandbox::internal
