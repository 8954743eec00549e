// SPDX-License-Identifier: Apache-2.0
#include "oci_bundle.h"

#include <array>
#include <nlohmann/json.hpp>

namespace blindbox::apps {
namespace {

using nlohmann::json;

// moby, oci/caps/defaults.go: what a container has unless somebody says
// otherwise.
constexpr std::array kCapabilities = {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
                                      "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
                                      "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
                                      "CAP_KILL",    "CAP_AUDIT_WRITE"};

json mount(const char* destination, const char* type, const std::string& source, json options) {
  return {{"destination", destination}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

json mounts(const BundleOptions& options) {
  json out = json::array({
      mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}),
      mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
  });
  // As every engine does, since images have none of their own: without it "localhost" is nobody's name.
  if (!options.hosts.empty()) {
    out.push_back(mount("/etc/hosts", "bind", options.hosts, {"bind", "ro", "nosuid", "nodev", "noexec"}));
  }
  if (!options.emulator.empty()) {
    out.push_back(mount(options.emulator_inside.c_str(), "bind", options.emulator, {"rbind", "rw", "nosuid", "nodev"}));
  }
  return out;
}

json linux_part(const BundleOptions& options) {
  json namespaces = json::array();
  for (const char* const type : {"pid", "ipc", "uts", "mount"}) namespaces.push_back({{"type", type}});
  json out = {
      {"maskedPaths",
       {"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
        "/proc/sched_debug", "/proc/scsi", "/sys/firmware"}},
      {"readonlyPaths", {"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}}};
  if (options.user != 0) {
    namespaces.push_back({{"type", "user"}});
    out["uidMappings"] = json::array({{{"containerID", 0}, {"hostID", options.user}, {"size", 1}}});
    out["gidMappings"] = json::array({{{"containerID", 0}, {"hostID", options.group}, {"size", 1}}});
  }
  out["namespaces"] = std::move(namespaces);
  return out;
}

}  // namespace

std::string runtime_config(const BundleOptions& options) {
  json capabilities;
  for (const char* const set : {"bounding", "effective", "permitted"}) capabilities[set] = kCapabilities;
  const json config = {{"ociVersion", "1.0.2"},
                       {"hostname", options.hostname},
                       {"root", {{"path", "rootfs"}, {"readonly", false}}},
                       {"process",
                        {{"terminal", false},
                         {"user", {{"uid", 0}, {"gid", 0}}},
                         {"args", options.arguments},
                         {"env", options.environment},
                         {"cwd", "/"},
                         {"capabilities", capabilities}}},
                       {"mounts", mounts(options)},
                       {"linux", linux_part(options)}};
  return config.dump(1, ' ', false, json::error_handler_t::replace);
}

}  // namespace blindbox::apps
