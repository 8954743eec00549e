// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/fair_queue.h"

#include <gtest/gtest.h>

#include <list>

#include "blindbox/completion/internal/job.h"

namespace blindbox::completion {
namespace {

struct Silent : Listener {
  bool on_text(std::string_view /*text*/) override { return true; }
};

class FairQueueTest : public ::testing::Test {
 protected:
  Job& arrive(const std::string& tenant) {
    Request& request = requests_.emplace_back();
    request.tenant = tenant;
    Job& job = jobs_.emplace_back(request, Tokens{1}, silent_);
    queue.push(job);
    return job;
  }
  std::string start_next() {
    Job* const job = queue.next();
    if (job == nullptr) return "nobody";
    queue.remove(*job);
    queue.started(job->request.tenant);
    return job->request.tenant;
  }
  FairQueue queue;

 private:
  Silent silent_;
  std::list<Request> requests_;
  std::list<Job> jobs_;
};

TEST_F(FairQueueTest, FirstComeFirstServedWithinATenant) {
  Job& first = arrive("a");
  arrive("a");
  EXPECT_EQ(queue.next(), &first);
  EXPECT_EQ(queue.size(), 2U);
}

TEST_F(FairQueueTest, AManyDoesNotDelayAFew) {
  for (int i = 0; i < 50; ++i) arrive("many");
  EXPECT_EQ(start_next(), "many");
  arrive("few");
  EXPECT_EQ(start_next(), "few");
  EXPECT_EQ(start_next(), "many");
}

TEST_F(FairQueueTest, TheLongestLineGivesItsLastPlaceToAShorterOne) {
  EXPECT_EQ(queue.gives_place_to("few"), nullptr);
  arrive("many");
  EXPECT_EQ(queue.gives_place_to("few"), nullptr);
  Job& second = arrive("many");
  Job& third = arrive("many");
  EXPECT_EQ(queue.gives_place_to("few"), &third);
  EXPECT_EQ(queue.gives_place_to("many"), nullptr);
  third.counted = true;  // it has begun and was interrupted
  EXPECT_EQ(queue.gives_place_to("few"), &second);
  arrive("few");
  EXPECT_EQ(queue.gives_place_to("few"), &second);
  arrive("few");
  EXPECT_EQ(queue.gives_place_to("few"), nullptr);
}

TEST_F(FairQueueTest, WhoHadLeastIsNext) {
  arrive("a");
  arrive("b");
  start_next();
  start_next();
  queue.charge("a", 500);
  queue.charge("b", 100);
  arrive("a");
  arrive("b");
  EXPECT_EQ(queue.next()->request.tenant, "b");
}

TEST_F(FairQueueTest, APauseSavesNothingUp) {
  arrive("busy");
  start_next();
  queue.charge("busy", 10000);
  arrive("newcomer");
  arrive("busy");
  EXPECT_EQ(start_next(), "newcomer");
  queue.charge("newcomer", 1);
  arrive("newcomer");
  queue.ended("busy");
  queue.ended("newcomer");
  // The newcomer began where the other stood, not ten seconds before.
  EXPECT_EQ(start_next(), "busy");
}

TEST_F(FairQueueTest, WhoRunsMoreGivesWay) {
  for (int i = 0; i < 4; ++i) arrive("greedy");
  for (int i = 0; i < 4; ++i) start_next();
  arrive("late");
  ASSERT_NE(queue.gives_way_to("late"), nullptr);
  EXPECT_EQ(*queue.gives_way_to("late"), "greedy");
  EXPECT_EQ(queue.gives_way_to("greedy"), nullptr);
}

TEST_F(FairQueueTest, OneMoreGivesWayOnlyAfterItsTimeSlice) {
  arrive("a");
  start_next();
  arrive("b");
  EXPECT_EQ(queue.gives_way_to("b"), nullptr);
  queue.charge("a", 5000);
  ASSERT_NE(queue.gives_way_to("b"), nullptr);
  EXPECT_EQ(*queue.gives_way_to("b"), "a");
}

TEST_F(FairQueueTest, AnInterruptedRequestIsFirstInItsLine) {
  Job& first = arrive("a");
  start_next();
  arrive("a");
  queue.push(first, true);
  queue.ended("a");
  EXPECT_EQ(queue.next(), &first);
}

}  // namespace
}  // namespace blindbox::completion
