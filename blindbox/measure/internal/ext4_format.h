// SPDX-License-Identifier: Apache-2.0
// Numbers of ext4 (kernel.org, "ext4 Data Structures and Algorithms") and of the original's images.
#pragma once

#include <cstdint>
#include <span>

#include "blindbox/base/bytes.h"

namespace blindbox::measure::internal {

constexpr std::uint32_t kBlock = 4096;
constexpr std::uint32_t kBlocksPerGroup = kBlock * 8;
constexpr std::uint32_t kInodeSize = 256;
constexpr std::uint32_t kRootInode = 2;
constexpr std::uint32_t kFirstInode = 11;  // lost+found
constexpr std::uint32_t kMaxLinks = 65000;
constexpr std::uint32_t kGroupsPerDescriptorBlock = kBlock / 32;
constexpr std::uint32_t kMaxBlocksPerExtent = 0x8000;
constexpr std::uint32_t kExtentsPerBlock = kBlock / 12 - 1;
constexpr std::uint64_t kMaxFileSize = std::uint64_t{128} << 30;
constexpr std::size_t kShortLink = 59;
constexpr std::size_t kMaxName = 255;

constexpr std::uint16_t kTypeMask = 0xf000;
constexpr std::uint16_t kFifo = 0x1000;
constexpr std::uint16_t kCharacterDevice = 0x2000;
constexpr std::uint16_t kDirectory = 0x4000;
constexpr std::uint16_t kBlockDevice = 0x6000;
constexpr std::uint16_t kRegular = 0x8000;
constexpr std::uint16_t kSymlink = 0xa000;

constexpr std::uint32_t kHugeFileFlag = 0x40000;
constexpr std::uint32_t kExtentsFlag = 0x80000;
constexpr std::uint32_t kXattrMagic = 0xea020000;
constexpr std::uint16_t kExtentMagic = 0xf30a;

template <typename T>
void put(std::span<std::byte> out, std::size_t offset, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out[offset + i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

}  // namespace blindbox::measure::internal
