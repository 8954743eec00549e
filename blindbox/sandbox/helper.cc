// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/helper.h"

#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "blindbox/sandbox/internal/identity.h"
#include "blindbox/sandbox/internal/landlock.h"
#include "blindbox/sandbox/internal/namespaces.h"
#include "blindbox/sandbox/internal/record.h"
#include "blindbox/sandbox/internal/seccomp.h"

namespace blindbox::sandbox {
namespace {

using internal::failed;

tl::unexpected<Error> not_protected(const std::string& why) {
  return base::fail(ErrorKind::platform, "this process cannot be shut in", why);
}

// Keys stay out of swap where that costs nothing: with a limit in force, a later allocation would fail.
std::string lock_memory() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) return "memory is not locked";
  return ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? "" : "memory is not locked";
}

std::string change_user(const HelperRights& rights) {
  const uid_t before = ::geteuid();
  if (!rights.user || *rights.user == before) return {};
  if (!internal::maps_everybody()) return "runs as user " + std::to_string(before) + ": no CAP_SETUID";
  (void)::prctl(PR_SET_KEEPCAPS, rights.files_as_before ? 1 : 0, 0, 0, 0);
  User user;
  user.uid = *rights.user;
  user.gid = *rights.user;
  if (auto why = internal::become(user); !why.empty()) return why;
  if (rights.files_as_before) {
    internal::raise_permitted();  // CAP_SETUID, for this one call
    (void)::setfsuid(before);
  }
  return {};
}

}  // namespace

Result<void> protect_process() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return not_protected(failed("setrlimit"));
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return not_protected(failed("PR_SET_DUMPABLE"));
  return {};
}

Result<std::string> restrict_helper(const HelperRights& rights, pid_t parent) {
  std::string notes = lock_memory();
  const auto note = [&notes](const std::string& text) {
    if (!text.empty()) notes += (notes.empty() ? "" : "; ") + text;
  };
  if (auto bounding = internal::drop_bounding(); !bounding.empty()) note("the bounding set stays: " + bounding);
  note(change_user(rights));
  if (auto why = internal::drop_capabilities(); !why.empty()) return not_protected(why);
  if (auto why = internal::no_new_privileges(); !why.empty()) return not_protected(why);
  // Both are forgotten at a change of user.
  if (auto kept = protect_process(); !kept) return base::pass_on(kept);
  if (!internal::end_with_parent(parent)) return not_protected("init has ended");
  internal::Filter filter;
  filter.own_network = rights.datagrams;
  filter.execute = false;
  if (auto why = internal::apply_seccomp(filter); !why.empty()) return not_protected(why);
  return notes;
}

std::string confine_helper(const HelperReach& reach) { return internal::apply_helper_landlock(reach); }

}  // namespace blindbox::sandbox
