// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/kv_memory.h"

#include <ggml-backend.h>
#include <llama.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace blindbox::completion {
namespace {

constexpr std::size_t kWorthHugePages = std::size_t{16} << 20;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// The whole pages inside a range.
std::pair<void*, std::size_t> inner_pages(std::byte* data, std::size_t size, std::size_t page) {
  const auto start = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t first = (start + page - 1) / page * page;
  const std::uintptr_t last = (start + size) / page * page;
  return {data + (first - start), last > first ? last - first : 0};
}

}  // namespace

void KvMemory::watch(llama_context_params& params) {
  params.cb_eval = &KvMemory::on_node;
  params.cb_eval_user_data = this;
}

void KvMemory::begin_step(bool learn) {
  cells_.clear();
  learning_ = learn;
}

// ggml asks for each node, before any is computed, whether it must stop there: never.
bool KvMemory::on_node(ggml_tensor* node, bool ask, void* self) {
  auto* const memory = static_cast<KvMemory*>(self);
  if (ask && (memory->learning_ || (memory->cells_.empty() && node->op == GGML_OP_SET_ROWS))) memory->see(*node);
  return false;
}

void KvMemory::see(const ggml_tensor& node) {
  if (learning_) learn(node);
  const ggml_tensor* const base = node.view_src;
  if (node.op != GGML_OP_SET_ROWS || base == nullptr || !std::string_view(base->name).starts_with("cache_")) return;
  const ggml_tensor* const indices = node.src[1];
  if (!cells_.empty() || indices == nullptr || indices->type != GGML_TYPE_I64) return;
  const auto* const first = static_cast<const std::int64_t*>(indices->data);
  cells_.reserve(static_cast<std::size_t>(indices->ne[0]));
  for (std::int64_t i = 0; i < indices->ne[0]; ++i) cells_.push_back(static_cast<Cell>(first[i]));
}

void KvMemory::learn(const ggml_tensor& node) {
  for (const ggml_tensor* const source : node.src) {
    if (source == nullptr || source->buffer == nullptr) continue;
    if (ggml_backend_buffer_get_usage(source->buffer) != GGML_BACKEND_BUFFER_USAGE_WEIGHTS) continue;
    const std::pair buffer(static_cast<std::byte*>(ggml_backend_buffer_get_base(source->buffer)),
                           ggml_backend_buffer_get_size(source->buffer));
    if (std::find(weights_.begin(), weights_.end(), buffer) == weights_.end()) weights_.push_back(buffer);
  }
  const ggml_tensor* const base = node.view_src;
  if (node.op != GGML_OP_SET_ROWS || base == nullptr || !std::string_view(base->name).starts_with("cache_")) return;
  auto* const data = static_cast<std::byte*>(base->data);
  // One row a cell, and nothing else in it: so it is with flash attention and one stream for all sequences.
  odd_layout_ = odd_layout_ || node.ne[0] != base->ne[0] || base->ne[2] != 1 || base->ne[3] != 1 ||
                node.src[1] == nullptr || node.src[1]->type != GGML_TYPE_I64;
  if (std::any_of(rows_.begin(), rows_.end(), [data](const Rows& rows) { return rows.data == data; })) return;
  rows_.push_back({data, base->nb[1], static_cast<std::size_t>(base->ne[1])});
}

Result<void> KvMemory::check(std::size_t count) const {
  const auto layers = static_cast<std::size_t>(llama_model_n_layer(llama_get_model(context_)));
  const std::size_t cells = llama_n_ctx(context_);
  const bool sizes = std::all_of(rows_.begin(), rows_.end(), [cells](const Rows& rows) { return rows.cells == cells; });
  const bool inside = std::all_of(cells_.begin(), cells_.end(), [cells](Cell cell) { return cell < cells; });
  if (odd_layout_ || rows_.size() != 2 * layers || !sizes || cells_.size() != count || !inside) {
    return base::fail(ErrorKind::model, "this model's memory cannot be wiped between tenants",
                      std::to_string(rows_.size()) + " tensors were found for " + std::to_string(layers) + " layers",
                      "this version of llama.cpp lays it out in a way that is not known");
  }
  return {};
}

std::size_t KvMemory::bytes_per_cell() const {
  std::size_t bytes = 0;
  for (const Rows& rows : rows_) bytes += rows.row;
  return bytes;
}

void KvMemory::settle() const {
  for (const auto& [data, size] : weights_) {
    if (size < kWorthHugePages) continue;
    const auto [first, length] = inner_pages(data, size, kHugePage);
    if (length == 0 || ::madvise(first, length, MADV_HUGEPAGE) != 0) continue;
#ifdef MADV_COLLAPSE
    (void)::madvise(first, length, MADV_COLLAPSE);  // at once, not when the kernel comes around; only ever faster
#endif
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  for (const Rows& rows : rows_) {
    std::memset(rows.data, 0, rows.row);
    const auto [first, length] = inner_pages(rows.data, rows.row * rows.cells, page);
    // llama.cpp has written zeros everywhere. Pages that are given back read as zeros too, and take memory when used.
    if (length != 0) (void)::madvise(first, length, MADV_DONTNEED);
  }
}

void KvMemory::share(SequenceId from, SequenceId to, std::size_t length) {
  llama_memory_seq_cp(llama_get_memory(context_), from, to, 0, static_cast<llama_pos>(length));
}

void KvMemory::cut(SequenceId sequence, std::size_t length) {
  llama_memory_seq_rm(llama_get_memory(context_), sequence, static_cast<llama_pos>(length), -1);
}

void KvMemory::wipe(const std::vector<Cell>& cells) {
  if (cells.empty()) return;
  std::vector<Cell> sorted = cells;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t from = 0; from < sorted.size();) {
    std::size_t to = from + 1;
    while (to < sorted.size() && sorted[to] == sorted[to - 1] + 1) ++to;
    for (const Rows& rows : rows_) ::explicit_bzero(rows.data + sorted[from] * rows.row, (to - from) * rows.row);
    from = to;
  }
}

}  // namespace blindbox::completion
