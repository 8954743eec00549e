// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/namespaces.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "blindbox/base/fd.h"
#include "blindbox/sandbox/internal/identity.h"
#include "blindbox/sandbox/internal/record.h"

namespace blindbox::sandbox::internal {
namespace {

using base::Fd;

std::string put(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return failed("open " + path);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failed("write " + path);
  return {};
}

// user_namespaces(7): lines of inside, outside, count. Each range that we know is mapped onto itself.
std::string onto_itself(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string inside, outside, count;
    if (fields >> inside >> outside >> count) text += inside + " " + inside + " " + count + "\n";
  }
  return text;
}

}  // namespace

std::string enter(int flag) { return ::unshare(flag) == 0 ? std::string() : failed("unshare"); }

std::string loopback_up() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  if (!socket || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return failed("reading the flags of lo");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0 ? std::string() : failed("bringing lo up");
}

bool maps_everybody() { return has_capability(Capability::setuid) && has_capability(Capability::setgid); }

std::string map_users(pid_t child, const User& user) {
  const std::string folder = "/proc/" + std::to_string(child) + "/";
  if (maps_everybody()) {
    const std::string why = put(folder + "uid_map", onto_itself("/proc/self/uid_map"));
    return why.empty() ? put(folder + "gid_map", onto_itself("/proc/self/gid_map")) : why;
  }
  // user_namespaces(7): without CAP_SETGID a group may be mapped only once setgroups is given up.
  (void)put(folder + "setgroups", "deny");
  const auto one = [](id_t inside, id_t outside) {
    return std::to_string(inside) + " " + std::to_string(outside) + " 1\n";
  };
  const std::string why = put(folder + "uid_map", one(user.uid, ::geteuid()));
  return why.empty() ? put(folder + "gid_map", one(user.gid, ::getegid())) : why;
}

}  // namespace blindbox::sandbox::internal
