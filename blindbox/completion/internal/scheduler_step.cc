// SPDX-License-Identifier: Apache-2.0
// One step of the scheduler: what is computed together, and what came of it for each request.
#include <llama.h>

#include <cstring>

#include "blindbox/completion/internal/kv_memory.h"
#include "blindbox/completion/internal/planner.h"
#include "blindbox/completion/internal/scheduler.h"

namespace blindbox::completion {

void Scheduler::step(Lock& lock) {
  std::vector<Piece> pieces = plan_step(active_, pace_,
                                        {settings_.batch, static_cast<double>(settings_.stall.count()),
                                         settings_.context, settings_.lookup, queue_.size() > 0});
  std::size_t total = 0;
  for (const Piece& piece : pieces) total += piece.size();
  if (!store_.make_room(total)) return fail_all();
  lock.unlock();
  const Decoder::Done done = decoder_.compute(pieces);
  lock.lock();
  for (const Piece& piece : pieces) {
    const double part = static_cast<double>(piece.size()) / static_cast<double>(total);
    queue_.charge(piece.job->request.tenant, part * decoder_.milliseconds());
  }
  if (done == Decoder::Done::aborted) return after_abort(pieces);
  if (done == Decoder::Done::failed) return fail_all();
  const std::vector<Cell> cells = llama_.memory->cells();
  for (const Piece& piece : pieces) {
    Job& job = *piece.job;
    Tokens computed(job.tokens.begin() + static_cast<std::ptrdiff_t>(job.computed()),
                    job.tokens.begin() + static_cast<std::ptrdiff_t>(job.computed() + piece.count));
    computed.insert(computed.end(), piece.draft.begin(), piece.draft.end());
    const auto first = cells.begin() + piece.first;
    const std::size_t from = job.computed();
    const bool reaches_end = piece.reaches_end();
    store_.append(*job.sequence, computed.data(), {first, first + static_cast<std::ptrdiff_t>(piece.size())});
    take(piece, from, reaches_end);
    ::explicit_bzero(computed.data(), computed.size() * sizeof(Token));
  }
}

// What a piece that is computed means for its request.
void Scheduler::take(const Piece& piece, std::size_t from, bool reaches_end) {
  Job& job = *piece.job;
  if (from < job.prompt_size && job.outcome.generated_tokens == 0) {
    job.outcome.evaluated_tokens += static_cast<unsigned>(piece.count);
    Channel::Event event;
    event.read = static_cast<unsigned>(from + piece.count);
    event.total = static_cast<unsigned>(job.prompt_size);
    job.channel.tell(std::move(event));
  }
  if (!reaches_end) return;
  std::size_t kept = 0;
  try {
    const bool ended = speaker_.choose(piece, kept);
    store_.cut(*job.sequence, kept);
    if (ended) end(job, job.outcome);
  } catch (const std::exception&) {
    end(job, base::fail(ErrorKind::internal, "the engine failed while it made tokens"));
  }
}

// llama.cpp takes the tokens of a step that was broken off out of its memory, of all sequences, and keeps those before
// them; what was written into their cells is still there. That it is so is asked, not believed.
void Scheduler::after_abort(const std::vector<Piece>& pieces) {
  store_.wipe_unowned(llama_.memory->cells());
  llama_memory_t memory = llama_get_memory(llama_.context.get());
  for (const Piece& piece : pieces) {
    const llama_pos last = llama_memory_seq_pos_max(memory, piece.job->sequence->id);
    if (last + 1 != static_cast<llama_pos>(piece.job->computed())) return fail_all();
  }
}

void Scheduler::fail_all() {
  for (Job* const job : std::vector(active_)) {
    end(*job, base::fail(ErrorKind::internal, "the engine failed while it computed"));
  }
  store_.forget_all();
  llama_memory_clear(llama_get_memory(llama_.context.get()), true);
}

}  // namespace blindbox::completion
