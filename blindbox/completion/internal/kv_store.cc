// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/kv_store.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace blindbox::completion {
namespace {

// An older sequence that has no more than this beyond a newer one, and less than they have in common, is what the same
// user typed a moment ago.
constexpr std::size_t kShortTail = 64;

std::size_t common_length(const Tokens& a, const Tokens& b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

void wipe_tokens(Tokens& tokens, std::size_t from) {
  if (from < tokens.size()) ::explicit_bzero(tokens.data() + from, (tokens.size() - from) * sizeof(Token));
  tokens.resize(from);
}

}  // namespace

KvStore::KvStore(KvBackend& backend, Limits limits)
    : backend_(backend),
      limits_(limits),
      sequences_(static_cast<std::size_t>(limits.sequences)),
      owners_(limits.cells, 0) {}

KvStore::Sequence* KvStore::take_free(SequenceId first, SequenceId end) {
  const auto found = std::find_if(sequences_.begin() + first, sequences_.begin() + end,
                                  [](const Sequence& sequence) { return sequence.id < 0; });
  if (found == sequences_.begin() + end) return nullptr;
  found->id = static_cast<SequenceId>(found - sequences_.begin());
  return &*found;
}

KvStore::Sequence* KvStore::open(std::string_view tenant, const Tokens& tokens, std::size_t expected, SteadyTime now) {
  Sequence* const sequence = take_free(0, limits_.running);
  if (sequence == nullptr) return nullptr;
  Sequence* best = nullptr;
  std::size_t length = 0;
  for (Sequence& other : sequences_) {
    if (other.id < 0 || &other == sequence || other.doomed || other.tenant != tenant) continue;
    const std::size_t common = std::min(common_length(tokens, other.tokens), tokens.size() - 1);
    if (common <= length) continue;
    best = &other;
    length = common;
  }
  sequence->tenant = tenant;
  sequence->running = true;
  sequence->doomed = false;
  // Room for all, so that no copy of the tokens stays behind in memory that was given back.
  sequence->tokens.reserve(std::max(expected, tokens.size()) + 1);
  if (best != nullptr) {
    // What is shared lives on in the new one; who lent only a little has not been used for it.
    if (2 * length >= best->tokens.size()) {
      best->order = ++clock_;
      best->used = now;
    }
    const auto end = static_cast<std::ptrdiff_t>(length);
    sequence->tokens.assign(best->tokens.begin(), best->tokens.begin() + end);
    sequence->cells.assign(best->cells.begin(), best->cells.begin() + end);
    for (const Cell cell : sequence->cells) ++owners_[cell];
    backend_.share(best->id, sequence->id, length);
    Counters& counters = counters_[sequence->tenant];
    ++counters.hits;
    counters.reused += length;
  }
  return sequence;
}

void KvStore::append(Sequence& sequence, const Token* tokens, const std::vector<Cell>& cells) {
  sequence.tokens.insert(sequence.tokens.end(), tokens, tokens + cells.size());
  sequence.cells.insert(sequence.cells.end(), cells.begin(), cells.end());
  for (const Cell cell : cells) {
    if (owners_[cell]++ == 0) ++used_cells_;
  }
}

void KvStore::release_cells(Sequence& sequence, std::size_t from) {
  std::vector<Cell> unowned;
  for (std::size_t i = from; i < sequence.cells.size(); ++i) {
    if (--owners_[sequence.cells[i]] == 0) unowned.push_back(sequence.cells[i]);
  }
  used_cells_ -= unowned.size();
  sequence.cells.resize(from);
  wipe_tokens(sequence.tokens, from);
  backend_.wipe(unowned);
}

void KvStore::cut(Sequence& sequence, std::size_t length) {
  if (length >= sequence.tokens.size()) return;
  backend_.cut(sequence.id, length);
  release_cells(sequence, length);
}

void KvStore::drop(Sequence& sequence) {
  backend_.cut(sequence.id, 0);
  release_cells(sequence, 0);
  sequence = Sequence{};
}

// Another that is kept holds all of this one.
bool KvStore::is_covered(Sequence& sequence) {
  for (Sequence& other : sequences_) {
    if (other.id < 0 || &other == &sequence || other.running || other.tenant != sequence.tenant) continue;
    if (other.tokens.size() < sequence.tokens.size()) continue;
    if (common_length(sequence.tokens, other.tokens) < sequence.tokens.size()) continue;
    other.order = ++clock_;
    other.used = sequence.used;
    return true;
  }
  return false;
}

void KvStore::drop_covered_by(const Sequence& sequence) {
  for (Sequence& other : sequences_) {
    if (other.id < 0 || &other == &sequence || other.running || other.tenant != sequence.tenant) continue;
    const std::size_t common = common_length(sequence.tokens, other.tokens);
    if (other.tokens.size() - common <= std::min(kShortTail, common)) drop(other);
  }
}

void KvStore::close(Sequence& sequence, SteadyTime now) {
  sequence.running = false;
  sequence.order = ++clock_;
  sequence.used = now;
  if (sequence.doomed || sequence.tokens.empty() || is_covered(sequence)) return drop(sequence);
  drop_covered_by(sequence);
  Sequence* kept = take_free(limits_.running, limits_.sequences);
  if (kept == nullptr) {
    drop(*next_victim(&sequence));
    kept = take_free(limits_.running, limits_.sequences);
  }
  const SequenceId id = kept->id;
  backend_.share(sequence.id, id, sequence.tokens.size());
  backend_.cut(sequence.id, 0);
  *kept = std::exchange(sequence, {});
  kept->id = id;
}

std::size_t KvStore::cells_of(std::string_view tenant) const {
  std::set<Cell> cells;
  for (const Sequence& sequence : sequences_) {
    if (sequence.id >= 0 && sequence.tenant == tenant) cells.insert(sequence.cells.begin(), sequence.cells.end());
  }
  return cells.size();
}

KvStore::Sequence* KvStore::next_victim(const Sequence* spared) {
  std::map<std::string_view, std::size_t> held;
  for (const Sequence& sequence : sequences_) {
    if (sequence.id >= 0) held[sequence.tenant] += sequence.cells.size();
  }
  const std::size_t share = limits_.cells / std::max<std::size_t>(held.size(), 1);
  Sequence* victim = nullptr;
  bool victim_over = false;
  for (Sequence& sequence : sequences_) {
    if (sequence.id < 0 || sequence.running || &sequence == spared) continue;
    // Whoever holds more than a share loses first: nobody empties another's cache by asking a lot.
    const bool over = held[sequence.tenant] > share;
    if (victim != nullptr && (over != victim_over ? victim_over : victim->order < sequence.order)) continue;
    victim = &sequence;
    victim_over = over;
  }
  return victim;
}

bool KvStore::make_room(std::size_t cells) {
  while (free_cells() < cells) {
    Sequence* const victim = next_victim();
    if (victim == nullptr) return false;
    drop(*victim);
  }
  return true;
}

void KvStore::forget(std::string_view tenant) {
  for (Sequence& sequence : sequences_) {
    if (sequence.id < 0 || sequence.tenant != tenant) continue;
    if (sequence.running) {
      sequence.doomed = true;
    } else {
      drop(sequence);
    }
  }
  if (const auto found = counters_.find(tenant); found != counters_.end()) counters_.erase(found);
}

void KvStore::forget_unused_since(SteadyTime time) {
  std::set<std::string> left;
  for (Sequence& sequence : sequences_) {
    if (sequence.id < 0 || sequence.running || sequence.used > time) continue;
    left.insert(sequence.tenant);
    drop(sequence);
  }
  for (const std::string& tenant : left) {
    if (cells_of(tenant) == 0) counters_.erase(tenant);
  }
}

void KvStore::forget_all() {
  for (Sequence& sequence : sequences_) {
    if (sequence.id >= 0) drop(sequence);
  }
  counters_.clear();
}

void KvStore::wipe_unowned(const std::vector<Cell>& cells) {
  std::vector<Cell> unowned;
  std::copy_if(cells.begin(), cells.end(), std::back_inserter(unowned), [this](Cell c) { return owners_[c] == 0; });
  backend_.wipe(unowned);
}

CacheUsage KvStore::usage(std::string_view tenant) const {
  CacheUsage usage;
  for (const Sequence& sequence : sequences_) {
    usage.prefixes += sequence.id >= 0 && !sequence.running && sequence.tenant == tenant ? 1U : 0U;
  }
  usage.tokens = cells_of(tenant);
  usage.bytes = usage.tokens * limits_.bytes_per_cell;
  if (const auto found = counters_.find(tenant); found != counters_.end()) {
    usage.hits = found->second.hits;
    usage.reused_tokens = found->second.reused;
  }
  return usage;
}

std::optional<SteadyTime> KvStore::oldest_use() const {
  std::optional<SteadyTime> oldest;
  for (const Sequence& sequence : sequences_) {
    if (sequence.id < 0 || sequence.running) continue;
    oldest = std::min(oldest.value_or(sequence.used), sequence.used);
  }
  return oldest;
}

}  // namespace blindbox::completion
