// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/kv_memory.h"

#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>

#include "blindbox/completion/internal/calibration.h"
#include "blindbox/completion/testing/tiny_model.h"

namespace blindbox::completion {
namespace {

class KvMemoryTest : public ::testing::Test {
 protected:
  KvMemoryTest() {
    const testing::TemporaryFile file(testing::make_tiny_model({}));
    ModelSource source;
    source.threads = 1;
    const auto model = ModelFile::open(file.path(), std::nullopt);
    auto loaded = load_llama(*model, source, {512, 2, 64, 8});
    EXPECT_TRUE(loaded);
    llama = std::move(*loaded);
    const auto measured = calibrate(llama, 64);
    EXPECT_TRUE(measured) << to_string(measured.error());
    bytes_per_cell = measured->bytes_per_cell;
  }
  void decode(std::size_t count) {
    Tokens tokens(count, 65);
    llama.memory->begin_step();
    EXPECT_EQ(llama_decode(llama.context.get(), llama_batch_get_one(tokens.data(), static_cast<std::int32_t>(count))),
              0);
  }
  // What llama.cpp itself reads of the first sequence.
  std::vector<std::uint8_t> state() {
    std::vector<std::uint8_t> bytes(llama_state_seq_get_size(llama.context.get(), 0));
    bytes.resize(llama_state_seq_get_data(llama.context.get(), bytes.data(), bytes.size(), 0));
    return bytes;
  }
  static std::size_t zeros(const std::vector<std::uint8_t>& bytes) {
    return static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), 0));
  }

  Llama llama;
  std::size_t bytes_per_cell = 0;
};

TEST_F(KvMemoryTest, KnowsWhichCellsAStepTook) {
  decode(10);
  EXPECT_EQ(llama.memory->cells().size(), 10U);
  const std::vector<Cell> first = llama.memory->cells();
  decode(3);
  EXPECT_EQ(llama.memory->cells().size(), 3U);
  for (const Cell cell : llama.memory->cells()) EXPECT_EQ(std::count(first.begin(), first.end(), cell), 0);
  // Two layers of keys and values, one head of 16 numbers of 16 bits.
  EXPECT_EQ(bytes_per_cell, 2U * 2 * 16 * 2);
}

TEST_F(KvMemoryTest, WipedCellsHoldZerosAndTheOthersWhatTheyHeld) {
  decode(20);
  const auto before = state();
  EXPECT_LT(zeros(before), before.size() / 2);
  std::vector<Cell> half = llama.memory->cells();
  half.resize(10);
  llama.memory->wipe(half);
  const auto after = state();
  ASSERT_EQ(after.size(), before.size());
  std::size_t changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(after[i] == before[i] || after[i] == 0);
    changed += after[i] != before[i] ? 1U : 0U;
  }
  EXPECT_GT(changed, 10 * bytes_per_cell * 9 / 10);  // some bytes were zero before
  EXPECT_LE(changed, 10 * bytes_per_cell);
}

TEST_F(KvMemoryTest, CalibrationLeavesNothingBehind) {
  decode(64);
  llama_memory_clear(llama_get_memory(llama.context.get()), false);
  ASSERT_TRUE(calibrate(llama, 64));
  EXPECT_EQ(llama_memory_seq_pos_max(llama_get_memory(llama.context.get()), 0), -1);
}

}  // namespace
}  // namespace blindbox::completion
