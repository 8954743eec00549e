// SPDX-License-Identifier: Apache-2.0
// Whose tokens lie in which cells of the model's key/value memory: what runs, and what is kept for later requests. A
// beginning that two sequences of one tenant have in common is stored once; tenants never share, nor find each other's.
// A cell that nobody uses any more is wiped at once. Not safe for several threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/completion/engine.h"

namespace blindbox::completion {

using Cell = std::uint32_t;
using SequenceId = std::int32_t;

// What the store asks of the memory itself.
class KvBackend {
 public:
  KvBackend() = default;
  KvBackend(const KvBackend&) = delete;
  KvBackend& operator=(const KvBackend&) = delete;
  virtual ~KvBackend() = default;
  // to, which is empty, begins with the same cells as from.
  virtual void share(SequenceId from, SequenceId to, std::size_t length) = 0;
  // The sequence keeps so many tokens.
  virtual void cut(SequenceId sequence, std::size_t length) = 0;
  virtual void wipe(const std::vector<Cell>& cells) = 0;
};

class KvStore {
 public:
  struct Limits {
    std::size_t cells;     // each holds one token
    SequenceId running;    // sequences below this id can be computed with
    SequenceId sequences;  // those from there to this only keep
    std::size_t bytes_per_cell;
  };
  struct Sequence {
    SequenceId id = -1;
    std::string tenant;
    Tokens tokens;  // exactly those whose keys and values the memory holds
    std::vector<Cell> cells;
    SteadyTime used;
    std::uint64_t order = 0;  // of the last use
    bool running = false;
    bool doomed = false;  // forgotten while it ran
  };

  KvStore(KvBackend& backend, Limits limits);

  // A running sequence that holds the longest beginning of the tokens that the tenant has, never all of them: the last
  // one's logits say what comes next. expected is how long it may become. Null where too many run.
  [[nodiscard]] Sequence* open(std::string_view tenant, const Tokens& tokens, std::size_t expected, SteadyTime now);
  void append(Sequence& sequence, const Token* tokens, const std::vector<Cell>& cells);
  void cut(Sequence& sequence, std::size_t length);
  // It runs no more and is kept, unless another holds the same.
  void close(Sequence& sequence, SteadyTime now);

  // Frees cells until so many are free, those that were used longest ago first, and first those of tenants that hold
  // more than their share. False where what runs leaves too few.
  bool make_room(std::size_t cells);
  void forget(std::string_view tenant);
  void forget_unused_since(SteadyTime time);
  // Everything, also what runs: the memory is empty afterwards.
  void forget_all();
  // Of these, wipes the cells that belong to nobody: what an aborted step has left.
  void wipe_unowned(const std::vector<Cell>& cells);

  [[nodiscard]] std::size_t free_cells() const { return limits_.cells - used_cells_; }
  [[nodiscard]] std::size_t used_cells() const { return used_cells_; }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  [[nodiscard]] CacheUsage usage(std::string_view tenant) const;
  // When the next kept sequence was last used; nothing where none is kept.
  [[nodiscard]] std::optional<SteadyTime> oldest_use() const;

 private:
  struct Counters {
    std::uint64_t hits = 0;
    std::uint64_t reused = 0;
  };
  // A free one of these ids; null where there is none.
  Sequence* take_free(SequenceId first, SequenceId end);
  [[nodiscard]] std::size_t cells_of(std::string_view tenant) const;
  Sequence* next_victim(const Sequence* spared = nullptr);
  void drop(Sequence& sequence);
  void release_cells(Sequence& sequence, std::size_t from);
  bool is_covered(Sequence& sequence);
  void drop_covered_by(const Sequence& sequence);

  KvBackend& backend_;
  Limits limits_;
  std::vector<Sequence> sequences_;    // by id; free where the id is -1
  std::vector<std::uint16_t> owners_;  // of each cell
  std::size_t used_cells_ = 0;
  std::uint64_t clock_ = 0;
  std::map<std::string, Counters, std::less<>> counters_;
};

}  // namespace blindbox::completion
