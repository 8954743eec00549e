// SPDX-License-Identifier: Apache-2.0
#include "memory_room.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>

#include "blindbox/base/file.h"

namespace blindbox::apps {
namespace {

constexpr std::size_t kCap = std::size_t{64} << 10;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::string text_of(const std::string& path) {
  auto bytes = base::read_file(path, kCap);
  return bytes ? std::string(base::as_text(*bytes)) : std::string();
}

// Nothing for "max" and for a file that is not there.
std::optional<std::uint64_t> number_at(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

// proc_meminfo(5): "MemAvailable:   12345 kB".
std::uint64_t available() {
  const std::string text = text_of("/proc/meminfo");
  std::uint64_t kib = 0;
  for (const std::string_view name : {"MemAvailable:", "SwapFree:"}) {
    const auto at = text.find(name);
    if (at == std::string::npos) return kNoLimit;
    kib += number_at(std::string_view(text).substr(at + name.size())).value_or(0);
  }
  return kib * 1024;
}

// The limits from the group up to the root: each holds for all that lies below it.
void look_upwards(const std::string& mounted, std::string group, const char* file, MemoryRoom& room) {
  for (int depth = 0; depth < 64; ++depth) {
    const auto limit = number_at(text_of(mounted + group + "/" + file));
    if (limit && *limit < room.bytes) room = {*limit, fmt::format("the control group {}, {}", group, file)};
    if (group.empty() || group == "/") return;
    group = std::filesystem::path(group).parent_path().string();
  }
}

}  // namespace

// cgroups(7): a line is "ID:CONTROLLERS:PATH", and version 2 has no controllers there.
MemoryRoom memory_room() {
  MemoryRoom room{available(), "this machine"};
  const std::string groups = text_of("/proc/self/cgroup");
  std::string_view rest = groups;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.starts_with("0::")) {
      look_upwards("/sys/fs/cgroup", std::string(line.substr(3)), "memory.max", room);
    } else if (const auto at = line.find(":memory:"); at != std::string_view::npos) {
      look_upwards("/sys/fs/cgroup/memory", std::string(line.substr(at + 8)), "memory.limit_in_bytes", room);
    }
  }
  return room;
}

Result<void> has_room_for_model(std::uint64_t bytes, const MemoryRoom& room) {
  if (bytes <= room.bytes / 2) return {};
  return base::fail(
      ErrorKind::model, "there is not memory enough for this model",
      fmt::format("loading takes {} MiB, twice its file; {} has {} MiB", (2 * bytes) >> 20, room.of, room.bytes >> 20),
      "give the guest or the container more memory, or make the model smaller: \"blindbox model quantize\"");
}

}  // namespace blindbox::apps
