// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/planner.h"

#include <gtest/gtest.h>

#include <list>
#include <map>

#include "blindbox/completion/internal/prompt_lookup.h"

namespace blindbox::completion {
namespace {

struct Silent : Listener {
  bool on_text(std::string_view /*text*/) override { return true; }
};

class PlannerTest : public ::testing::Test {
 protected:
  PlannerTest() { pace.measured(16, 160); }  // ten milliseconds a token

  // A request of a prompt of so many tokens, of which so many are read.
  Job& add(const std::string& tenant, std::size_t prompt, std::size_t read) {
    Request& request = requests_.emplace_back();
    request.tenant = tenant;
    Job& job = jobs_.emplace_back(request, Tokens(prompt, 7), silent_);
    job.sequence = &sequences_.emplace_back();
    job.sequence->tokens = Tokens(read, 7);
    job.start_order = jobs_.size();
    active.push_back(&job);
    return job;
  }
  std::map<const Job*, std::size_t> plan() {
    std::map<const Job*, std::size_t> counts;
    for (const Piece& piece : plan_step(active, pace, {batch, 250, 2048, false, waiting})) {
      EXPECT_TRUE(counts.emplace(piece.job, piece.count).second);
    }
    return counts;
  }
  Pace pace;
  std::vector<Job*> active;
  std::size_t batch = 128;
  bool waiting = false;

 private:
  Silent silent_;
  std::list<Request> requests_;
  std::list<Job> jobs_;
  std::list<KvStore::Sequence> sequences_;
};

TEST_F(PlannerTest, EveryGenerationGetsItsToken) {
  const Job& one = add("a", 10, 9);
  const Job& two = add("b", 10, 9);
  EXPECT_EQ(plan(), (std::map<const Job*, std::size_t>{{&one, 1}, {&two, 1}}));
}

TEST_F(PlannerTest, AChunkFitsTheBound) {
  const Job& reader = add("a", 1000, 0);
  EXPECT_EQ(plan()[&reader], 24U);  // alone: the bound, in whole tiles
  waiting = true;
  EXPECT_EQ(plan()[&reader], 12U);  // else less, so that a step that takes longer than planned stays within it
  const Job& writer = add("b", 10, 9);
  EXPECT_EQ(plan()[&reader], 11U);
  EXPECT_EQ(plan()[&writer], 1U);
  batch = 12;
  EXPECT_EQ(plan()[&reader], 11U);
}

TEST_F(PlannerTest, TenantsShareWhatIsRead) {
  const Job& one = add("a", 1000, 0);
  const Job& two = add("a", 1000, 0);
  const Job& other = add("b", 1000, 0);
  auto counts = plan();
  EXPECT_EQ(counts[&one], 6U);
  EXPECT_EQ(counts.count(&two), 0U);  // one after the other, within a tenant
  EXPECT_EQ(counts[&other], 6U);
}

TEST_F(PlannerTest, AShortPromptIsReadAtOnceAndLeavesTheRest) {
  const Job& longer = add("a", 1000, 0);
  const Job& shorter = add("b", 5, 0);
  auto counts = plan();
  EXPECT_EQ(counts[&shorter], 5U);
  EXPECT_EQ(counts[&longer], 7U);
}

TEST_F(PlannerTest, ASlowMachineStillComesToAnEnd) {
  for (int i = 0; i < 100; ++i) pace.measured(16, 1e6);
  const Job& reader = add("a", 1000, 0);
  EXPECT_EQ(plan()[&reader], 4U);
}

TEST(Pace, FollowsTheLeastStepsThatItPlansToo) {
  Pace pace;
  pace.measured(16, 1e6);
  const std::size_t least = pace.chunk(250, 1000);
  for (int i = 0; i < 100; ++i) pace.measured(least, 40);
  EXPECT_EQ(pace.chunk(250, 1000), 24U);
}

TEST(Pace, FollowsWhatIsMeasuredButNotOneHiccup) {
  Pace pace;
  pace.measured(100, 1000);
  EXPECT_EQ(pace.chunk(250, 1000), 24U);
  EXPECT_EQ(pace.chunk(250, 10), 8U);
  EXPECT_EQ(pace.chunk(250, 3), 3U);
  pace.measured(100, 100000);
  EXPECT_GE(pace.chunk(250, 1000), 15U);
  for (int i = 0; i < 50; ++i) pace.measured(100, 200);
  EXPECT_GE(pace.chunk(250, 1000), 110U);
}

TEST(PromptLookup, WhatFollowedTheLastTime) {
  EXPECT_EQ(look_up_draft({1, 2, 3, 4, 5, 6, 1, 2, 3}, 3), (Tokens{4, 5, 6}));
  EXPECT_EQ(look_up_draft({1, 2, 3, 4, 1, 2, 3, 9, 8, 1, 2, 3}, 2), (Tokens{9, 8}));
  EXPECT_EQ(look_up_draft({5, 5, 5, 5}, 3), (Tokens{5}));
  EXPECT_EQ(look_up_draft({1, 2, 3, 4, 5}, 3), Tokens{});
  EXPECT_EQ(look_up_draft({1, 2}, 3), Tokens{});
  EXPECT_EQ(look_up_draft({1, 2, 3, 4, 1, 2, 3}, 0), Tokens{});
}

}  // namespace
}  // namespace blindbox::completion
