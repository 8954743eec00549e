// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/stream_error.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "blindbox/http/event_stream.h"

namespace blindbox::http {
namespace {

const Error kCut{ErrorKind::not_acceptable, "the measurement changed", "expected a, found \xff", ""};

TEST(StreamError, IsAnEventOfItsOwnBehindHalfAnEvent) {
  EventStream events;
  const auto got = events.feed("data: {\"content\":\"x" + stream_error("/infill", "text/event-stream", kCut));
  ASSERT_EQ(got.size(), 2U);
  const auto error = nlohmann::json::parse(got[1]).at("error");
  EXPECT_EQ(error.at("type"), "stream_broken");
  EXPECT_EQ(error.at("message").get<std::string>().find("the measurement changed: expected a"), 0U);
}

TEST(StreamError, IsFlatForTgi) {
  EventStream events;
  const auto got = events.feed(stream_error("/generate_stream?x", "text/event-stream; charset=utf-8", kCut));
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(nlohmann::json::parse(got[0]).at("error_type"), "incomplete_generation");
}

TEST(StreamError, IsALineForOllama) {
  const std::string line = stream_error("/api/generate", "application/x-ndjson", kCut);
  EXPECT_EQ(line.front(), '\n');
  EXPECT_EQ(line.back(), '\n');
  EXPECT_TRUE(nlohmann::json::parse(line).at("error").is_string());
}

TEST(StreamError, IsNothingWhereNobodyWouldReadIt) {
  EXPECT_EQ(stream_error("/infill", "application/json", kCut), "");
  EXPECT_EQ(stream_error("/infill", "", kCut), "");
}

}  // namespace
}  // namespace blindbox::http
