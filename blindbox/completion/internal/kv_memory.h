// SPDX-License-Identifier: Apache-2.0
// llama.cpp's key/value memory, seen closely enough to wipe it. Its interface can free a cell and cannot erase what lay
// there, and nothing tells which cells a token went to. Both are read off the graph that a step computes: the rows that
// its SET_ROWS nodes write. Where a version of llama.cpp lays its memory out in another way, check() fails and so does
// loading the model.
#pragma once

#include <utility>
#include <vector>

#include "blindbox/completion/internal/kv_store.h"

struct ggml_tensor;
struct llama_context;
struct llama_context_params;

namespace blindbox::completion {

class KvMemory final : public KvBackend {
 public:
  // Before the context is made, which must not outlive this object.
  void watch(llama_context_params& params);
  void attach(llama_context* context) { context_ = context; }

  // The next step is watched anew; learn: its tensors are noted too.
  void begin_step(bool learn = false);
  // Of the step's tokens, in their order; also of one that was aborted. Empty where it did not begin.
  [[nodiscard]] const std::vector<Cell>& cells() const { return cells_; }

  // After the first step, of count tokens: whether all that must be known was seen.
  [[nodiscard]] Result<void> check(std::size_t count) const;
  [[nodiscard]] std::size_t bytes_per_cell() const;
  // Huge pages for the weights, and no memory at all for cells that were never used. Only before the first request.
  void settle() const;

  void share(SequenceId from, SequenceId to, std::size_t length) override;
  void cut(SequenceId sequence, std::size_t length) override;
  void wipe(const std::vector<Cell>& cells) override;

 private:
  struct Rows {
    std::byte* data;
    std::size_t row;  // bytes of a cell
    std::size_t cells;
  };
  static bool on_node(ggml_tensor* node, bool ask, void* self);
  void see(const ggml_tensor& node);
  void learn(const ggml_tensor& node);

  llama_context* context_ = nullptr;
  bool learning_ = false;
  bool odd_layout_ = false;
  std::vector<Cell> cells_;
  std::vector<Rows> rows_;                                   // keys and values of each layer
  std::vector<std::pair<std::byte*, std::size_t>> weights_;  // buffers
};

}  // namespace blindbox::completion
