// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/ext4_time.h"

namespace blindbox::measure::internal {
namespace {

constexpr int kExt4SecondBits = 34;
constexpr std::uint64_t kExt4SecondMask = (std::uint64_t{1} << kExt4SecondBits) - 1;
constexpr std::int64_t kEarliest = -0x80000000LL;
constexpr std::int64_t kLatest = 0x37fffffffLL;

}  // namespace

std::uint64_t to_ext4_time(const Time& time) {
  if (time.seconds == Time::kYearOne && time.nanoseconds == 0) return 0;
  if (time.seconds < kEarliest) return 0x80000000;
  if (time.seconds > kLatest) return static_cast<std::uint64_t>(kLatest);
  return static_cast<std::uint64_t>(time.seconds) | std::uint64_t{time.nanoseconds} << kExt4SecondBits;
}

Time from_ext4_time(std::uint64_t time) {
  if (time == 0) return {};
  auto seconds = static_cast<std::int64_t>(time & kExt4SecondMask);
  if (seconds > 0x7fffffff && seconds < 0x100000000) seconds -= 0x100000000;
  return Time::of(seconds, static_cast<std::int64_t>(time >> kExt4SecondBits));
}

}  // namespace blindbox::measure::internal
