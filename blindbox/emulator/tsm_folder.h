// SPDX-License-Identifier: Apache-2.0
// configfs-tsm's report folder as the kernel keeps it (drivers/virt/coco/tsm.c), without any file system around it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/emulator/device.h"

namespace blindbox::emulator {

struct TsmAttribute {
  const char* name;
  unsigned mode;    // permission bits: 0200 is written only, 0400 and 0444 are read only
  std::size_t cap;  // of a binary attribute that is written; else 0
};

// One thread at a time; a device may write to the folder from inside a call, as another process of the guest might.
class TsmFolder {
 public:
  explicit TsmFolder(Device& device) : device_(device) {}

  [[nodiscard]] static const std::vector<TsmAttribute>& attributes();
  [[nodiscard]] static const TsmAttribute* attribute(std::string_view name);

  [[nodiscard]] bool has(const std::string& instance) const { return instances_.contains(instance); }
  [[nodiscard]] std::vector<std::string> names() const;
  // 0 or -errno, here and below.
  int make(const std::string& instance);
  int remove(const std::string& instance);

  // inblob takes any length up to its cap; the processor wants 64 bytes, which shows when outblob is read.
  int write(const std::string& instance, std::string_view attribute, ByteView value);
  // Reading outblob or auxblob asks the device once for each new inblob.
  int read(const std::string& instance, std::string_view attribute, Bytes& out);

 private:
  struct Instance {
    Bytes inblob;
    std::uint32_t privlevel = 0;
    std::uint64_t write_generation = 0;
    std::uint64_t read_generation = 0;
    bool made = false;
    Bytes outblob;
    Bytes auxblob;
  };
  int make_report(Instance& instance);

  Device& device_;
  std::map<std::string, Instance> instances_;
};

}  // namespace blindbox::emulator
