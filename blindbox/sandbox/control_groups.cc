// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/control_groups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <optional>
#include <sstream>

#include "blindbox/base/fd.h"
#include "blindbox/sandbox/internal/record.h"

namespace blindbox::sandbox::internal {
namespace {

using base::Fd;

std::string put(const std::string& path, const std::string& value) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return failed("open " + path);
  if (::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return failed("write " + path);
  return {};
}

std::vector<std::string> words(const std::string& text, char at) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, at);) out.push_back(word);
  return out;
}

bool lists(const std::string& text, const std::string& word, char at) {
  for (const std::string& one : words(text, at)) {
    if (one == word) return true;
  }
  return false;
}

// Where this process is in a hierarchy, as /proc/self/cgroup says it; "" names version 2.
std::optional<std::string> own_path(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : lists(controllers, controller, ',')) return line.substr(second + 1);
  }
  return std::nullopt;
}

// The folder of this process's group; proc_pid_mountinfo(5): id parent device root mountpoint options ... - type
// source superoptions.
std::optional<std::string> own_folder(const std::string& controller) {
  const auto path = own_path(controller);
  if (!path) return std::nullopt;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto front = words(line.substr(0, dash), ' '), back = words(line.substr(dash + 3), ' ');
    if (front.size() < 5 || back.size() < 3) continue;
    const bool ours =
        controller.empty() ? back[0] == "cgroup2" : back[0] == "cgroup" && lists(back[2], controller, ',');
    if (!ours) continue;
    const std::string& root = front[3];
    const std::string below = root != "/" && path->starts_with(root) ? path->substr(root.size()) : *path;
    const std::string folder = front[4] + (below == "/" ? "" : below);
    return ::access(folder.c_str(), F_OK) == 0 ? folder : front[4];
  }
  return std::nullopt;
}

std::string read_all(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream out;
  out << file.rdbuf();
  std::string text = out.str();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string name() {
  static std::atomic<unsigned> counter{0};
  return "/blindbox-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

std::string make_folder(const std::string& path) {
  return ::mkdir(path.c_str(), 0755) == 0 ? std::string() : failed("mkdir " + path);
}

// Version 2 lets a group that holds processes hand no controllers down, so we move into a leaf first.
std::string hand_down(const std::string& own) {
  const std::string enabled = read_all(own + "/cgroup.subtree_control");
  if (lists(enabled, "memory", ' ') && lists(enabled, "pids", ' ')) return {};
  const std::string request = "+memory +pids";
  if (put(own + "/cgroup.subtree_control", request).empty()) return {};
  const std::string leaf = own + "/blindbox-init";
  if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return failed("mkdir " + leaf);
  if (auto why = put(leaf + "/cgroup.procs", "0"); !why.empty()) return why;
  // Those that we have started already, the gateway for instance, would keep the group occupied.
  std::istringstream children(read_all("/proc/self/task/" + std::to_string(::getpid()) + "/children"));
  for (std::string child; children >> child;) {
    if (auto why = put(leaf + "/cgroup.procs", child); !why.empty()) return why;
  }
  return put(own + "/cgroup.subtree_control", request);
}

}  // namespace

ControlGroup ControlGroup::make(const specification::Limits& limits) {
  ControlGroup group;
  const auto fold = [&group](const std::string& folder) {
    if (group.why_not_.empty()) group.why_not_ = make_folder(folder);
    if (group.why_not_.empty()) group.folders_.push_back(folder);
  };
  const auto set = [&group](const std::string& path, std::uint64_t value) {
    if (group.why_not_.empty()) group.why_not_ = put(path, std::to_string(value));
  };
  const std::uint64_t processes = std::uint64_t{limits.processes} + 1;  // and the keeper
  const auto unified = own_folder("");
  const std::string offered = unified ? read_all(*unified + "/cgroup.controllers") : "";
  if (lists(offered, "memory", ' ') && lists(offered, "pids", ' ')) {
    group.detail_ = "version 2";
    group.why_not_ = hand_down(*unified);
    const std::string folder = *unified + name();
    fold(folder);
    if (limits.memory != 0) set(folder + "/memory.max", limits.memory);
    if (group.why_not_.empty()) (void)put(folder + "/memory.swap.max", "0");  // absent where there is no swap
    set(folder + "/pids.max", processes);
  } else {
    group.detail_ = "version 1";
    const auto memory = own_folder("memory"), pids = own_folder("pids");
    if (!memory || !pids) {
      group.why_not_ = "no control group hierarchy with memory and pids is mounted";
      return group;
    }
    const std::string own_name = name();
    fold(*memory + own_name);
    if (limits.memory != 0) set(*memory + own_name + "/memory.limit_in_bytes", limits.memory);
    if (group.why_not_.empty() && limits.memory != 0)
      (void)put(*memory + own_name + "/memory.memsw.limit_in_bytes", std::to_string(limits.memory));
    fold(*pids + own_name);
    set(*pids + own_name + "/pids.max", processes);
  }
  if (!group.why_not_.empty()) group.remove();
  return group;
}

ControlGroup ControlGroup::left_out() {
  ControlGroup group;
  group.why_not_ = "left out on purpose";
  return group;
}

std::string ControlGroup::join() const {
  for (const std::string& folder : folders_) {
    if (auto why = put(folder + "/cgroup.procs", "0"); !why.empty()) return why;
  }
  return {};
}

void ControlGroup::remove() {
  for (const std::string& folder : folders_) ::rmdir(folder.c_str());
  folders_.clear();
}

}  // namespace blindbox::sandbox::internal
