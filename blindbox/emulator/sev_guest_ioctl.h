// SPDX-License-Identifier: Apache-2.0
// The guest driver's ioctls, as the kernel answers them (drivers/virt/coco/sev-guest/sev-guest.c), and the one of the
// 5.x kernels' /dev/sev. Derived keys are not emulated: nothing in BlindBox asks for one.
#pragma once

#include <sys/types.h>

#include <span>

#include "blindbox/emulator/device.h"

namespace blindbox::emulator {

// The memory that an ioctl's structure points to.
class CallerMemory {
 public:
  CallerMemory() = default;
  CallerMemory(const CallerMemory&) = delete;
  CallerMemory& operator=(const CallerMemory&) = delete;
  virtual ~CallerMemory() = default;
  // All of it or false.
  [[nodiscard]] virtual bool read(std::uint64_t address, std::span<std::byte> into) = 0;
  [[nodiscard]] virtual bool write(std::uint64_t address, ByteView from) = 0;
};

// Another process's, by process_vm_readv: FUSE carries the structure alone. Needs the same user (with Yama's
// ptrace_scope 0) and a dumpable caller, or CAP_SYS_PTRACE.
class ProcessMemory : public CallerMemory {
 public:
  explicit ProcessMemory(pid_t pid) : pid_(pid) {}
  bool read(std::uint64_t address, std::span<std::byte> into) override;
  bool write(std::uint64_t address, ByteView from) override;

 private:
  pid_t pid_;
};

// message is the ioctl's own structure and is written back also where the answer is an error. 0 or -errno.
[[nodiscard]] int sev_guest_ioctl(Device& device, unsigned int code, std::span<std::byte> message,
                                  CallerMemory& memory);
[[nodiscard]] int sev_ioctl_5x(Device& device, unsigned int code, std::span<std::byte> message, CallerMemory& memory);

}  // namespace blindbox::emulator
