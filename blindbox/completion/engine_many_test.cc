// SPDX-License-Identifier: Apache-2.0
// Many requests at once: the same answers as alone, a bounded queue, fairness, and walls between tenants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "blindbox/completion/engine.h"
#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::completion {
namespace {

std::unique_ptr<Engine> engine(const std::function<void(ModelSource&)>& change = [](ModelSource&) {}) {
  const testing::TemporaryFile file(testing::make_tiny_model({}));
  ModelSource source;
  source.path = file.path();
  source.threads = 1;
  source.batch = 16;
  source.stall = std::chrono::hours(1);
  source.prompt_lookup = false;
  change(source);
  auto loaded = Engine::load(source);
  EXPECT_TRUE(loaded) << to_string(loaded.error());
  return loaded ? std::move(*loaded) : nullptr;
}

struct Recorder : Listener {
  std::string text;
  std::atomic<unsigned> checks = 0;
  std::function<void(unsigned)> at_check = [](unsigned) {};
  bool on_text(std::string_view piece) override {
    text += piece;
    return true;
  }
  void on_stop_check() override { at_check(++checks); }
};

Request ask(std::string prompt, std::string tenant, unsigned max_tokens = 24) {
  Request request;
  request.prefix = std::move(prompt);
  request.tenant = std::move(tenant);
  request.max_tokens = max_tokens;
  return request;
}

std::string text_of(Engine& engine, const Request& request) {
  Recorder recorder;
  const auto outcome = engine.generate(request, recorder, {});
  EXPECT_TRUE(outcome) << to_string(outcome.error());
  return recorder.text;
}

// A request that holds the engine's thread at its first step until it is let go.
class Holder {
 public:
  Holder(Engine& engine, std::string tenant, unsigned max_tokens = 1)
      : thread_([this, &engine, tenant, max_tokens] {
          recorder_.at_check = [this](unsigned check) {
            if (check != 1) return;
            holds_.set_value();
            released_.get_future().wait();
          };
          outcome_ = engine.generate(ask("hold", tenant, max_tokens), recorder_, source_.get_token());
        }) {
    holds_.get_future().wait();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    if (!let_go_) let_go();
  }
  void cancel() { source_.request_stop(); }
  Result<Outcome> let_go() {
    let_go_ = true;
    released_.set_value();
    thread_.join();
    return outcome_;
  }

 private:
  Recorder recorder_;
  std::stop_source source_;
  std::promise<void> holds_;
  std::promise<void> released_;
  bool let_go_ = false;
  Result<Outcome> outcome_;
  std::thread thread_;
};

void until(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::yield();
}

TEST(EngineMany, TogetherTheySayWhatEachSaysAlone) {
  const auto alone = engine();
  const auto together = engine();
  std::vector<std::string> expected;
  std::vector<std::string> heard(12);
  for (unsigned i = 0; i < heard.size(); ++i) {
    expected.push_back(text_of(*alone, ask(std::string(5 * i + 1, 'a') + "b", "t" + std::to_string(i))));
  }
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < heard.size(); ++i) {
    threads.emplace_back(
        [&, i] { heard[i] = text_of(*together, ask(std::string(5 * i + 1, 'a') + "b", "t" + std::to_string(i))); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heard, expected);
  const EngineStatus status = together->status();
  EXPECT_EQ(status.requests, 12U);
  EXPECT_EQ(status.generated_tokens, 12U * 24);
  EXPECT_EQ(status.busy, 0U);
  EXPECT_EQ(status.slots, 8U);
  EXPECT_GT(status.cache_tokens, 0U);
  EXPECT_LE(status.cache_bytes, status.cache_limit_bytes);
}

TEST(EngineMany, AFullQueueSaysWhenToComeAgain) {
  const auto tiny = engine([](ModelSource& source) {
    source.slots = 1;
    source.waiting = 1;
  });
  Holder first(*tiny, "a");
  std::stop_source leave;
  std::thread second([&] {
    Recorder recorder;
    const auto outcome = tiny->generate(ask("x", "b"), recorder, leave.get_token());
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->reason, StopReason::cancelled);
  });
  until([&] { return tiny->status().queued == 1; });
  EXPECT_EQ(tiny->status().busy, 1U);
  EXPECT_EQ(tiny->status().queue_limit, 1U);
  Recorder recorder;
  const auto third = tiny->generate(ask("y", "c"), recorder, {});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, ErrorKind::limit);
  EXPECT_NE(third.error().hint, "");
  leave.request_stop();
  EXPECT_TRUE(first.let_go());
  second.join();
  EXPECT_EQ(tiny->status().queued, 0U);
  EXPECT_EQ(tiny->status().cancelled, 1U);
}

TEST(EngineMany, ATenantThatFillsTheQueueLeavesAPlaceToOthers) {
  const auto tiny = engine([](ModelSource& source) {
    source.slots = 1;
    source.waiting = 2;
  });
  Holder first(*tiny, "many");
  std::vector<std::future<Result<Outcome>>> waiting;
  std::vector<Recorder> recorders(3);
  const auto wait = [&](const char* tenant) {
    Recorder& recorder = recorders[waiting.size()];
    waiting.push_back(
        std::async(std::launch::async, [&, tenant] { return tiny->generate(ask("x", tenant, 1), recorder, {}); }));
  };
  wait("many");
  until([&] { return tiny->status().queued == 1; });
  wait("many");
  until([&] { return tiny->status().queued == 2; });
  wait("few");
  const auto last = waiting[1].get();
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().kind, ErrorKind::limit);
  EXPECT_NE(last.error().hint, "");
  EXPECT_EQ(tiny->status().queued, 2U);
  EXPECT_TRUE(first.let_go());
  EXPECT_TRUE(waiting[0].get());
  EXPECT_TRUE(waiting[2].get());
}

TEST(EngineMany, ADeadlineEndsTheWaitToo) {
  const auto tiny = engine([](ModelSource& source) { source.slots = 1; });
  Holder first(*tiny, "a", 4);
  std::thread second([&] {
    Request request = ask("x", "b");
    request.deadline = SteadyTime::min();
    Recorder recorder;
    const auto outcome = tiny->generate(request, recorder, {});
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->reason, StopReason::deadline);
  });
  until([&] { return tiny->status().queued == 1; });
  EXPECT_TRUE(first.let_go());
  second.join();
}

TEST(EngineMany, OneWhoCancelsTakesNothingFromTheOthers) {
  const auto alone = engine();
  const std::string expected = text_of(*alone, ask(std::string(60, 'q'), "other", 40));
  for (const unsigned at : {2U, 30U, 77U, 200U}) {
    const auto tiny = engine();
    Recorder leaving;
    std::stop_source source;
    std::promise<void> running;
    leaving.at_check = [&](unsigned check) {
      if (check == 1) running.set_value();
      if (check == at) source.request_stop();
    };
    std::thread other([&] {
      running.get_future().wait();
      EXPECT_EQ(text_of(*tiny, ask(std::string(60, 'q'), "other", 40)), expected);
    });
    const auto outcome = tiny->generate(ask(std::string(120, 'p'), "leaving", 100), leaving, source.get_token());
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->reason, StopReason::cancelled);
    other.join();
  }
}

// The work for one tenant, counted in steps of the computation, whatever another has had computed.
TEST(EngineMany, AnothersPrefixChangesNeitherTokensNorWork) {
  const Request mine = ask("def transfer(account, amount):\n", "bob");
  const auto work = [&](Engine& engine) {
    Recorder recorder;
    const auto outcome = engine.generate(mine, recorder, {});
    EXPECT_TRUE(outcome);
    return std::pair(outcome->evaluated_tokens, recorder.checks.load());
  };
  const auto fresh = engine();
  const auto shared = engine();
  Request others = mine;
  others.tenant = "alice";
  text_of(*shared, others);
  const auto first = work(*fresh);
  EXPECT_EQ(work(*shared), first);
  EXPECT_EQ(first.first, 31U);
  // The same prefix of one's own is found, so the counts do tell.
  EXPECT_LT(work(*shared).second, first.second);
  EXPECT_EQ(shared->cache_usage("alice").hits, 0U);
  EXPECT_EQ(shared->cache_usage("bob").hits, 1U);
  EXPECT_EQ(shared->cache_usage("bob").reused_tokens, 30U);
}

TEST(EngineMany, TheUnusedIsForgotten) {
  const auto tiny = engine([](ModelSource& source) { source.forget_after = std::chrono::seconds(0); });
  text_of(*tiny, ask("forget me", "a"));
  until([&] { return tiny->status().cache_tokens == 0; });
  EXPECT_EQ(tiny->cache_usage("a").prefixes, 0U);
}

TEST(EngineMany, ALateFewPassAnEarlyMany) {
  const auto tiny = engine([](ModelSource& source) { source.slots = 2; });
  std::atomic<unsigned> greedy_done = 0;
  std::vector<std::thread> threads;
  std::optional<unsigned> done_before;
  {
    Holder holder(*tiny, "greedy");
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        text_of(*tiny, ask("again and again", "greedy", 100));
        ++greedy_done;
      });
    }
    until([&] { return tiny->status().queued == 8; });
    threads.emplace_back([&] {
      text_of(*tiny, ask("once", "late", 100));
      done_before = greedy_done;
    });
    until([&] { return tiny->status().queued == 9; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(*done_before, 2U);
}

TEST(EngineMany, ALittleMemoryServesAllTheSame) {
  const auto plenty = engine();
  const auto little = engine([](ModelSource& source) { source.cache_bytes = 1; });  // one context
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      // Nowhere are two tokens nearer than 0.08 here: of nearer ones either may be chosen, by who shares the step.
      const Request request = ask(std::string(40 + i, 'f'), "t" + std::to_string(i % 3), 100);
      EXPECT_EQ(text_of(*little, request), text_of(*plenty, request));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(little->status().cache_tokens, 256U);
}

TEST(Engine, TokensAndText) {
  const auto tiny = engine();
  EXPECT_EQ(tiny->tokenize("a<|endoftext|>", true, false)->size(), 2U);
  EXPECT_EQ(tiny->tokenize("a<|endoftext|>", false, false)->size(), 14U);
  EXPECT_EQ(*tiny->detokenize(*tiny->tokenize("h\xC3\xA9 <fim-prefix>", true, false)), "h\xC3\xA9 <fim-prefix>");
  EXPECT_EQ(tiny->detokenize({-1}).error().kind, ErrorKind::malformed);
  EXPECT_EQ(tiny->detokenize({100000}).error().kind, ErrorKind::malformed);
  Request request;
  request.prompt_tokens = {5, 100000};
  Recorder recorder;
  EXPECT_EQ(tiny->generate(request, recorder, {}).error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace blindbox::completion
