// SPDX-License-Identifier: Apache-2.0
// libfuse's callbacks over a Device and its TsmFolder.
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse.h>

#include <map>
#include <memory>

#include "blindbox/emulator/device.h"
#include "blindbox/emulator/tsm_folder.h"

namespace blindbox::emulator::internal {

// An open file holds what was read when it was first read, and what was written until it is closed, as in configfs.
struct OpenFile {
  Bytes contents;
  bool filled = false;
  Bytes written;
  bool dirty = false;
};

// What fuse_new() gets as its private data.
struct Served {
  explicit Served(std::shared_ptr<Device> what) : device(std::move(what)), tsm(*device) {}
  std::shared_ptr<Device> device;
  TsmFolder tsm;
  std::uint64_t next_handle = 1;
  std::map<std::uint64_t, OpenFile> open_files;
};

[[nodiscard]] const fuse_operations& operations();

}  // namespace blindbox::emulator::internal
