// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/pace.h"

#include <gtest/gtest.h>

namespace blindbox::kds {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Pace, reads_how_long_to_wait) {
  const base::Time now = base::from_iso8601("2026-11-21T20:00:00Z").value();
  EXPECT_EQ(retry_after("0", now), seconds(0));
  EXPECT_EQ(retry_after("7", now), seconds(7));
  EXPECT_EQ(retry_after("86401", now), hours(24));
  EXPECT_EQ(retry_after("99999999999999999999999999", now), hours(24));
  EXPECT_EQ(retry_after("Sat, 21 Nov 2026 20:00:42 GMT", now), seconds(42));
  EXPECT_EQ(retry_after("Sat, 21 Nov 2026 19:00:00 GMT", now), seconds(0));
  EXPECT_EQ(retry_after("Mon, 21 Nov 2050 20:00:42 GMT", now), hours(24));
  for (const char* nonsense : {"", "-5", "soon", "7 seconds", "1.5", "Sat, 21 Nov 2026 20:00:42", "\x1b[2J"}) {
    EXPECT_EQ(retry_after(nonsense, now), seconds(0)) << nonsense;
  }
}

TEST(Pace, backs_off_further_each_time_and_never_without_end) {
  EXPECT_EQ(backoff(0, 0), milliseconds(250));
  EXPECT_EQ(backoff(0, 1), milliseconds(500));
  EXPECT_EQ(backoff(1, 1), milliseconds(1000));
  EXPECT_EQ(backoff(4, 1), milliseconds(8000));
  EXPECT_EQ(backoff(1000, 1), milliseconds(8000));
}

TEST(Pace, real_jitter_varies_within_its_bounds) {
  const Pace pace = real_pace();
  double least = 1, most = 0;
  for (int i = 0; i < 1000; ++i) {
    const double jitter = pace.jitter();
    least = std::min(least, jitter);
    most = std::max(most, jitter);
  }
  EXPECT_GE(least, 0);
  EXPECT_LT(most, 1);
  EXPECT_GT(most - least, 0.5);
}

}  // namespace
}  // namespace blindbox::kds
