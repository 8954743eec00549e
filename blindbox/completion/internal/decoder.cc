// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/decoder.h"

#include <llama.h>

#include <algorithm>

#include "blindbox/completion/internal/kv_memory.h"

namespace blindbox::completion {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMoment = 25;  // milliseconds that somebody who has gone may wait for the others' step to end

double milliseconds_since(SteadyTime start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// llama.cpp's batch, as arrays that live as long as this object.
class Batch {
 public:
  explicit Batch(std::size_t size) {
    tokens_.reserve(size);
    positions_.reserve(size);
    sequences_.reserve(size);
    wanted_.reserve(size);
  }
  void add(Token token, std::size_t position, SequenceId sequence, bool logits) {
    tokens_.push_back(token);
    positions_.push_back(static_cast<llama_pos>(position));
    sequences_.push_back(sequence);
    wanted_.push_back(logits ? 1 : 0);
  }
  llama_batch get() {
    counts_.assign(tokens_.size(), 1);
    pointers_.clear();
    for (SequenceId& sequence : sequences_) pointers_.push_back(&sequence);
    llama_batch batch{};
    batch.n_tokens = static_cast<std::int32_t>(tokens_.size());
    batch.token = tokens_.data();
    batch.pos = positions_.data();
    batch.n_seq_id = counts_.data();
    batch.seq_id = pointers_.data();
    batch.logits = wanted_.data();
    return batch;
  }

 private:
  Tokens tokens_;
  std::vector<llama_pos> positions_;
  std::vector<SequenceId> sequences_;
  std::vector<std::int32_t> counts_;
  std::vector<SequenceId*> pointers_;
  std::vector<std::int8_t> wanted_;
};

void add_piece(Batch& batch, const Piece& piece) {
  const Job& job = *piece.job;
  const std::size_t from = job.computed();
  const SequenceId sequence = job.sequence->id;
  for (std::size_t i = from; i < from + piece.count; ++i) {
    batch.add(job.tokens[i], i, sequence, i + 1 == job.tokens.size());
  }
  for (std::size_t i = 0; i < piece.draft.size(); ++i) {
    batch.add(piece.draft[i], from + piece.count + i, sequence, true);
  }
}

}  // namespace

Decoder::Decoder(const Llama& llama, Pace& pace) : llama_(llama), pace_(pace) {
  llama_set_abort_callback(llama_.context.get(), &Decoder::on_node, this);
}

Decoder::~Decoder() { llama_set_abort_callback(llama_.context.get(), nullptr, nullptr); }

// ggml asks before each node of the graph, on the thread that called llama_decode().
bool Decoder::on_node(void* self) {
  const auto* const decoder = static_cast<const Decoder*>(self);
  return decoder->flying_ != nullptr && decoder->should_stop();
}

bool Decoder::should_stop() const {
  std::size_t stopped = 0;
  for (const Piece& piece : *flying_) {
    piece.job->listener.on_stop_check();
    stopped += piece.job->stopped() ? 1U : 0U;
  }
  if (stopped == 0) return false;
  if (stopped == flying_->size()) return true;
  return spared_ && predicted_ - milliseconds_since(begun_) > kMoment;
}

Decoder::Done Decoder::compute(std::vector<Piece>& pieces) {
  std::size_t total = 0;
  for (Piece& piece : pieces) {
    piece.first = static_cast<std::int32_t>(total);
    total += piece.size();
  }
  predicted_ = pace_.predict(total);
  begun_ = Clock::now();
  flying_ = &pieces;
  const Done done = decode(pieces, total);
  flying_ = nullptr;
  milliseconds_ = milliseconds_since(begun_);
  if (done == Done::yes) pace_.measured(total, milliseconds_);
  spared_ = done != Done::aborted;
  return done;
}

Decoder::Done Decoder::decode(const std::vector<Piece>& pieces, std::size_t total) {
  try {
    Batch batch(total);
    for (const Piece& piece : pieces) add_piece(batch, piece);
    llama_.memory->begin_step();
    const std::int32_t status = llama_decode(llama_.context.get(), batch.get());
    if (status == 0 && llama_.memory->cells().size() == total) return Done::yes;
    return status == 2 ? Done::aborted : Done::failed;
  } catch (const std::exception&) {
    return Done::failed;
  }
}

}  // namespace blindbox::completion
