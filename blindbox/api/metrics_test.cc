// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const completion::SteadyTime kStart{std::chrono::hours(1)};

TEST(Metrics, CountsAreCoarse) {
  Metrics metrics;
  for (int i = 0; i < 19; ++i) {
    metrics.count("llama.cpp", Metrics::Result::answered);
    metrics.observe(100, 2000);
  }
  completion::EngineStatus engine;
  engine.generated_tokens = 2999;
  engine.slots = 8;
  engine.busy = 1;
  const std::string text = metrics.text(engine, kStart);
  EXPECT_THAT(text, HasSubstr("blindbox_requests_total{protocol=\"llama.cpp\",result=\"answered\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("blindbox_tokens_total{kind=\"generated\"} 2000\n"));
  EXPECT_THAT(text, HasSubstr("blindbox_slots_used_ratio 0.25\n"));
  EXPECT_THAT(text, HasSubstr("blindbox_first_token_seconds_bucket{le=\"0.25\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("blindbox_request_seconds_bucket{le=\"1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("blindbox_request_seconds_bucket{le=\"+Inf\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("blindbox_request_seconds_sum 20\n"));
}

// What Prometheus takes for a restart.
TEST(Metrics, SumsNeverFall) {
  Metrics metrics;
  for (int i = 0; i < 10; ++i) metrics.observe(100, 20000);
  EXPECT_THAT(metrics.text({}, kStart), HasSubstr("blindbox_request_seconds_sum 200\n"));
  for (int i = 0; i < 9; ++i) metrics.observe(1, 1);
  EXPECT_THAT(metrics.text({}, kStart + Metrics::kInterval), HasSubstr("blindbox_request_seconds_sum 200\n"));
}

// Two readings around one request do not differ by it.
TEST(Metrics, WhatIsShownChangesOnceInAWhile) {
  Metrics metrics;
  const std::string before = metrics.text({}, kStart);
  for (int i = 0; i < 100; ++i) metrics.count("tgi", Metrics::Result::refused);
  EXPECT_EQ(metrics.text({}, kStart + Metrics::kInterval - std::chrono::milliseconds(1)), before);
  const std::string later = metrics.text({}, kStart + Metrics::kInterval);
  EXPECT_NE(later, before);
  EXPECT_THAT(later, HasSubstr("result=\"refused\"} 100\n"));
}

// Each metric has its help and type once, and each sample is a name and a number.
TEST(Metrics, IsTheTextFormat) {
  Metrics metrics;
  metrics.count("openai", Metrics::Result::failed);
  std::istringstream lines(metrics.text({}, kStart));
  std::string current;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    std::string third;
    words >> first >> second >> third;
    if (first == "#") {
      if (second == "TYPE") current = third;
      continue;
    }
    EXPECT_TRUE(first.starts_with(current)) << line;
    EXPECT_NO_THROW((void)std::stod(second)) << line;
    EXPECT_EQ(third, "") << line;
  }
}

}  // namespace
}  // namespace blindbox::api
