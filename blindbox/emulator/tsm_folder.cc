// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/tsm_folder.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace blindbox::emulator {
namespace {

constexpr std::size_t kInblobMax = 64;        // TSM_INBLOB_MAX
constexpr std::uint32_t kPrivlevelMax = 3;    // TSM_PRIVLEVEL_MAX
constexpr std::size_t kMostInstances = 1024;  // the kernel has no such limit; an emulator need not fill memory

Bytes line(const std::string& text) { return base::to_bytes(base::view(text + "\n")); }

}  // namespace

const std::vector<TsmAttribute>& TsmFolder::attributes() {
  static const std::vector<TsmAttribute> all{
      {"inblob", 0200, kInblobMax}, {"outblob", 0400, 0},   {"auxblob", 0400, 0},         {"generation", 0444, 0},
      {"provider", 0444, 0},        {"privlevel", 0200, 0}, {"privlevel_floor", 0444, 0},
  };
  return all;
}

const TsmAttribute* TsmFolder::attribute(std::string_view name) {
  for (const TsmAttribute& one : attributes()) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

std::vector<std::string> TsmFolder::names() const {
  std::vector<std::string> out;
  for (const auto& [name, instance] : instances_) out.push_back(name);
  return out;
}

int TsmFolder::make(const std::string& instance) {
  if (has(instance)) return -EEXIST;
  if (instances_.size() >= kMostInstances) return -ENOSPC;
  instances_[instance];
  return 0;
}

int TsmFolder::remove(const std::string& instance) { return instances_.erase(instance) == 1 ? 0 : -ENOENT; }

int TsmFolder::write(const std::string& instance, std::string_view attribute, ByteView value) {
  const auto found = instances_.find(instance);
  if (found == instances_.end()) return -ENOENT;
  Instance& state = found->second;
  if (attribute == "inblob") {
    if (value.size() > kInblobMax) return -EFBIG;
    state.inblob = base::to_bytes(value);
  } else if (attribute == "privlevel") {
    std::string_view text = base::as_text(value);
    if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    std::uint32_t level = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
    if (error != std::errc{} || end != text.data() + text.size() || level > kPrivlevelMax) return -EINVAL;
    state.privlevel = level;
  } else {
    return -EACCES;
  }
  ++state.write_generation;
  return 0;
}

int TsmFolder::make_report(Instance& instance) {
  if (instance.inblob.empty()) return -EINVAL;
  if (instance.made && instance.read_generation == instance.write_generation) return 0;
  if (instance.inblob.size() != kInblobMax) return -EINVAL;
  ByteArray<64> report_data{};
  std::copy_n(instance.inblob.begin(), report_data.size(), report_data.begin());
  const std::uint64_t generation = instance.write_generation;
  instance.made = false;
  Device::Answer answer = device_.report(report_data, instance.privlevel);
  if (answer.vmm_error != 0) return -EIO;
  if (answer.status != 0) return -ENXIO;
  instance.outblob = std::move(answer.report);
  instance.auxblob = std::move(answer.certificates);
  instance.read_generation = generation;
  instance.made = true;
  return 0;
}

int TsmFolder::read(const std::string& instance, std::string_view attribute, Bytes& out) {
  const auto found = instances_.find(instance);
  if (found == instances_.end()) return -ENOENT;
  Instance& state = found->second;
  if (attribute == "generation") {
    out = line(std::to_string(state.write_generation));
  } else if (attribute == "provider") {
    out = line(device_.provider());
  } else if (attribute == "privlevel_floor") {
    out = line("0");
  } else if (attribute == "outblob" || attribute == "auxblob") {
    if (const int error = make_report(state); error != 0) return error;
    out = attribute == "outblob" ? state.outblob : state.auxblob;
  } else {
    return -EACCES;
  }
  return 0;
}

}  // namespace blindbox::emulator
