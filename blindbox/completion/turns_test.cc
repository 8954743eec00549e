// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/turns.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

namespace blindbox::completion {
namespace {

void until_length(const Turns& turns, std::size_t length) {
  while (turns.length() != length) std::this_thread::yield();
}

TEST(Turns, FirstComeFirstServed) {
  Turns turns(4);
  auto held = turns.wait({});
  ASSERT_TRUE(held);
  std::optional<Turns::Turn> current(std::move(*held));
  std::vector<int> order;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&turns, &order, i] {
      const auto turn = turns.wait({});
      ASSERT_TRUE(turn);
      order.push_back(i);  // guarded by the turn itself
    });
    until_length(turns, static_cast<std::size_t>(i) + 2);
  }
  EXPECT_TRUE(order.empty());
  current.reset();
  threads.clear();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(turns.length(), 0U);
}

TEST(Turns, TooManyAreTurnedAwayAtOnce) {
  Turns turns(1);
  const auto first = turns.wait({});
  ASSERT_TRUE(first);
  std::stop_source leave;
  std::jthread second([&] { EXPECT_FALSE(turns.wait(leave.get_token())); });
  until_length(turns, 2);
  const auto third = turns.wait({});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, ErrorKind::limit);
  leave.request_stop();
}

TEST(Turns, WhoeverLeavesGivesUpThePlace) {
  Turns turns(4);
  auto held = turns.wait({});
  ASSERT_TRUE(held);
  std::optional<Turns::Turn> current(std::move(*held));
  std::stop_source leave;
  std::jthread leaving([&] {
    const auto turn = turns.wait(leave.get_token());
    ASSERT_FALSE(turn);
    EXPECT_EQ(turn.error().kind, ErrorKind::cancelled);
  });
  until_length(turns, 2);
  bool served = false;
  std::jthread staying([&] { served = turns.wait({}).has_value(); });
  until_length(turns, 3);
  leave.request_stop();
  leaving.join();
  EXPECT_EQ(turns.length(), 2U);
  current.reset();
  staying.join();
  EXPECT_TRUE(served);
}

TEST(Turns, AStopThatWasThereBeforeIsSeen) {
  Turns turns(4);
  std::stop_source gone;
  gone.request_stop();
  EXPECT_FALSE(turns.wait(gone.get_token()));
  EXPECT_EQ(turns.length(), 0U);
}

}  // namespace
}  // namespace blindbox::completion
