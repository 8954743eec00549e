// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/kv_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace blindbox::completion {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr SteadyTime kNow{};

struct Memory : KvBackend {
  Memory() {
    for (Cell cell = 0; cell < 100; ++cell) free.insert(cell);
  }
  std::set<Cell> free;
  std::map<SequenceId, std::size_t> lengths;
  std::vector<Cell> wiped;
  void share(SequenceId from, SequenceId to, std::size_t length) override {
    EXPECT_LE(length, lengths[from]);
    EXPECT_EQ(lengths[to], 0U);
    lengths[to] = length;
  }
  void cut(SequenceId sequence, std::size_t length) override {
    lengths[sequence] = std::min(lengths[sequence], length);
  }
  void wipe(const std::vector<Cell>& cells) override {
    wiped.insert(wiped.end(), cells.begin(), cells.end());
    free.insert(cells.begin(), cells.end());
  }
};

class KvStoreTest : public ::testing::Test {
 protected:
  // Computes the tokens that the store has not, in the lowest cells that are free.
  KvStore::Sequence& open(const std::string& tenant, const Tokens& tokens) {
    KvStore::Sequence* const sequence = store.open(tenant, tokens, tokens.size(), kNow);
    EXPECT_NE(sequence, nullptr);
    const std::size_t known = sequence->tokens.size();
    reused = known;
    std::vector<Cell> cells;
    while (cells.size() < tokens.size() - known) cells.push_back(memory.free.extract(memory.free.begin()).value());
    memory.lengths[sequence->id] = tokens.size();
    store.append(*sequence, tokens.data() + known, cells);
    return *sequence;
  }
  void keep(const std::string& tenant, const Tokens& tokens) { store.close(open(tenant, tokens), kNow); }

  Memory memory;
  KvStore store{memory, {100, 2, 6, 10}};
  std::size_t reused = 0;
};

Tokens count_to(Token last) {
  Tokens tokens(static_cast<std::size_t>(last));
  std::iota(tokens.begin(), tokens.end(), 1);
  return tokens;
}

TEST_F(KvStoreTest, TheLongestBeginningIsSharedAndStoredOnce) {
  Tokens first = count_to(20);
  std::fill(first.begin() + 10, first.end(), 99);
  keep("a", first);
  keep("a", count_to(80));  // ten in common
  EXPECT_EQ(reused, 10U);
  EXPECT_EQ(store.used_cells(), 80U);
  EXPECT_EQ(store.usage("a").prefixes, 1U);  // the first had no more than a short tail beyond it
}

TEST_F(KvStoreTest, WhoLendsALittleIsNoYoungerForIt) {
  const Tokens oldest = count_to(68);
  const Tokens second(10, 500), third{1, 2, 600, 601};
  keep("a", oldest);
  keep("a", second);
  open("a", third);
  EXPECT_EQ(reused, 2U);
  EXPECT_TRUE(store.make_room(30));
  EXPECT_EQ(store.used_cells(), 14U);  // the oldest alone went, and left what it had lent
  open("a", second);
  EXPECT_EQ(reused, 9U);
}

TEST_F(KvStoreTest, AShortPromptOutlivesOthersThatHaveLittleInCommon) {
  const Tokens first(30, 500);
  Tokens second(30, 500);
  std::fill(second.begin() + 1, second.end(), 600);
  keep("a", first);
  keep("a", second);
  EXPECT_EQ(store.usage("a").prefixes, 2U);
  open("a", first);
  EXPECT_EQ(reused, 29U);
}

TEST_F(KvStoreTest, NeverTheWholePrompt) {
  keep("a", count_to(10));
  open("a", count_to(10));
  EXPECT_EQ(reused, 9U);
}

TEST_F(KvStoreTest, TenantsNeverFindEachOthers) {
  keep("a", count_to(30));
  open("b", count_to(30));
  EXPECT_EQ(reused, 0U);
  EXPECT_EQ(store.usage("b").hits, 0U);
  open("a", count_to(30));
  EXPECT_EQ(store.usage("a").hits, 1U);
  EXPECT_EQ(store.usage("a").reused_tokens, 29U);
}

TEST_F(KvStoreTest, WhatRunsCanBeSharedToo) {
  open("a", count_to(20));
  open("a", count_to(25));
  EXPECT_EQ(reused, 20U);
  EXPECT_EQ(store.used_cells(), 25U);
  EXPECT_EQ(store.open("a", count_to(5), 5, kNow), nullptr);  // two run
}

TEST_F(KvStoreTest, CellsAreWipedWhenTheLastOwnerGoes) {
  KvStore::Sequence& running = open("a", count_to(4));
  keep("a", {1, 2, 9});
  store.cut(running, 1);
  EXPECT_THAT(memory.wiped, UnorderedElementsAre(2, 3));  // cell 1 is the other's too
  store.forget("a");
  EXPECT_TRUE(running.doomed);
  EXPECT_THAT(memory.wiped, UnorderedElementsAre(2, 3, 1, 4));
  EXPECT_THAT(running.tokens, ElementsAre(1));
  store.close(running, kNow);
  EXPECT_THAT(memory.wiped, UnorderedElementsAre(2, 3, 1, 4, 0));
  EXPECT_EQ(store.used_cells(), 0U);
}

TEST_F(KvStoreTest, ForgettingOneLeavesTheOther) {
  keep("a", count_to(10));
  keep("b", count_to(10));
  store.forget("a");
  EXPECT_EQ(memory.wiped.size(), 10U);
  EXPECT_EQ(store.usage("a").tokens, 0U);
  EXPECT_EQ(store.usage("b").tokens, 10U);
  open("b", count_to(10));
  EXPECT_EQ(reused, 9U);
}

TEST_F(KvStoreTest, TypingKeepsTheLatestAlone) {
  for (Token last = 10; last < 40; ++last) keep("a", count_to(last));
  EXPECT_EQ(store.usage("a").prefixes, 1U);
  EXPECT_EQ(store.used_cells(), 39U);
  keep("a", count_to(20));  // a beginning of what is there
  EXPECT_EQ(store.usage("a").prefixes, 1U);
  EXPECT_EQ(store.usage("a").tokens, 39U);
}

TEST_F(KvStoreTest, RoomIsMadeFromWhoeverHoldsMost) {
  keep("small", count_to(10));
  Tokens big = count_to(70);
  keep("big", big);
  big[0] = 1000;
  ASSERT_TRUE(store.make_room(70));
  EXPECT_EQ(store.usage("big").tokens, 0U);  // though the small one's is older
  EXPECT_EQ(store.usage("small").tokens, 10U);
  KvStore::Sequence& running = open("big", count_to(60));
  EXPECT_FALSE(store.make_room(60));  // what runs stays
  EXPECT_EQ(running.tokens.size(), 60U);
  EXPECT_EQ(store.usage("small").tokens, 0U);
}

TEST_F(KvStoreTest, OldestFirstAmongEquals) {
  for (const char* const tenant : {"a", "b", "c"}) keep(tenant, count_to(20));
  store.close(open("a", count_to(20)), kNow);  // used again
  ASSERT_TRUE(store.make_room(41));
  EXPECT_EQ(store.usage("b").tokens, 0U);
  EXPECT_EQ(store.usage("a").tokens, 20U);
  EXPECT_EQ(store.usage("c").tokens, 20U);
}

TEST_F(KvStoreTest, MorePrefixesThanSequencesDropTheOldest) {
  for (Token start = 1; start <= 6; ++start) {
    Tokens tokens(10, start);
    keep("t" + std::to_string(start), tokens);
  }
  EXPECT_EQ(store.used_cells(), 40U);  // four places beside the two that run
  EXPECT_EQ(store.usage("t1").tokens, 0U);
  EXPECT_EQ(store.usage("t6").tokens, 10U);
}

TEST_F(KvStoreTest, TheUnusedAreForgotten) {
  const SteadyTime later = kNow + std::chrono::seconds(10);
  keep("a", count_to(10));
  store.close(open("b", count_to(10)), later);
  EXPECT_EQ(store.oldest_use(), kNow);
  store.forget_unused_since(kNow + std::chrono::seconds(5));
  EXPECT_EQ(store.usage("a").tokens, 0U);
  EXPECT_EQ(store.usage("b").tokens, 10U);
  EXPECT_EQ(store.oldest_use(), later);
}

TEST_F(KvStoreTest, AnAbortedStepLeavesNothingBehind) {
  open("a", count_to(10));
  store.wipe_unowned({8, 9, 10, 11});
  EXPECT_THAT(memory.wiped, ElementsAre(10, 11));
}

}  // namespace
}  // namespace blindbox::completion
