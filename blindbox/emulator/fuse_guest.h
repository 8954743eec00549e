// SPDX-License-Identifier: Apache-2.0
// A guest's attestation interfaces as a mounted folder: sev-guest, sev, tsm/report/ and emulator.json.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "blindbox/base/fd.h"
#include "blindbox/emulator/device.h"
#include "blindbox/emulator/tsm_folder.h"

namespace blindbox::emulator {

// One thread serves everything, in the order in which it comes: the processor behind it does no more either.
class FuseGuest {
 public:
  // folder exists, is empty and is no mount point. ErrorKind::platform without /dev/fuse or fusermount3, ErrorKind::io
  // for a folder that does not do.
  [[nodiscard]] static Result<std::unique_ptr<FuseGuest>> mount(const std::string& folder,
                                                                std::shared_ptr<Device> device);
  ~FuseGuest();  // unmounts
  FuseGuest(const FuseGuest&) = delete;
  FuseGuest& operator=(const FuseGuest&) = delete;

  // Answers until stop_fd is readable or somebody unmounts the folder.
  void serve(int stop_fd);

  // For tests that play another process of the guest from inside the device.
  [[nodiscard]] TsmFolder& tsm();

 private:
  struct State;
  explicit FuseGuest(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A FuseGuest served by a thread of its own, for tests within one process. Should that thread crash while another waits
// for an answer, the kernel lets the process end only after `umount -f`: anything that lives longer than a test runs
// the emulator as a process (run.h).
class MountedGuest {
 public:
  [[nodiscard]] static Result<std::unique_ptr<MountedGuest>> start(const std::string& folder,
                                                                   std::shared_ptr<Device> device);
  ~MountedGuest();
  MountedGuest(const MountedGuest&) = delete;
  MountedGuest& operator=(const MountedGuest&) = delete;
  [[nodiscard]] TsmFolder& tsm() { return guest_->tsm(); }

 private:
  MountedGuest(std::unique_ptr<FuseGuest> guest, base::Fd stop);
  std::unique_ptr<FuseGuest> guest_;
  base::Fd stop_;
  std::thread thread_;
};

}  // namespace blindbox::emulator
