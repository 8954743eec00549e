// SPDX-License-Identifier: Apache-2.0
#include "blindbox/probe/internal/attempt.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace blindbox::probe::internal {

bool init_is_hidden(const Settings& settings) {
  return settings.init == ::getppid() || settings.init == ::getpid() ||
         std::ranges::find(settings.own_processes, settings.init) != settings.own_processes.end();
}

bool network_is_shared(const Settings& settings) {
  struct stat own {};
  if (settings.outside_network == 0 || ::stat("/proc/self/ns/net", &own) != 0) return true;
  return own.st_ino == settings.outside_network;
}

bool lies_in(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder.ends_with('/') ? folder : folder + "/");
}

std::vector<std::string> places_to_write(const Settings& settings) {
  std::vector<std::string> out;
  for (const WritableDirectory& one : settings.writable) out.push_back(one.path);
  if (out.empty()) out = {"/tmp", "/dev/shm", "/"};
  return out;
}

}  // namespace blindbox::probe::internal
