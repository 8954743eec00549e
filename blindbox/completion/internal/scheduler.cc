// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/scheduler.h"

#include <llama.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "blindbox/completion/internal/kv_memory.h"

namespace blindbox::completion {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

Scheduler::Scheduler(Llama llama, Pace pace, std::size_t bytes_per_cell, Settings settings)
    : llama_(std::move(llama)),
      settings_(std::move(settings)),
      pace_(pace),
      store_(*llama_.memory, {llama_n_ctx(llama_.context.get()), static_cast<SequenceId>(settings_.slots),
                              static_cast<SequenceId>(llama_max_parallel_sequences()), bytes_per_cell}),
      decoder_(llama_, pace_),
      speaker_(llama_, settings_.fim, settings_.context),
      thread_([this] { loop(); }) {}

Scheduler::~Scheduler() {
  {
    const std::scoped_lock lock(mutex_);
    quit_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

Result<Outcome> Scheduler::run(const Request& request, Tokens prompt, Listener& listener, const std::stop_token& stop) {
  Job job(request, std::move(prompt), listener);
  {
    const std::scoped_lock lock(mutex_);
    // Whoever may start at once does not wait.
    const std::size_t places =
        settings_.waiting + settings_.slots - std::min<std::size_t>(settings_.slots, active_.size());
    if (queue_.size() >= places) {
      Job* const other = queue_.gives_place_to(request.tenant);
      if (other == nullptr) return full();
      end(*other, full());
    }
    ++total_.requests;
    total_.prompt_tokens += job.prompt_size;
    queue_.push(job);
    changed_.notify_all();
  }
  auto outcome = job.channel.deliver(listener, stop, [this] { wake(); });
  ::explicit_bzero(job.tokens.data(), job.tokens.size() * sizeof(Token));
  return outcome;
}

tl::unexpected<Error> Scheduler::full() const {
  return base::fail(ErrorKind::limit, "too many requests are waiting", std::to_string(queue_.size()) + " in the queue",
                    "ask again in a few seconds");
}

void Scheduler::wake() {
  const std::scoped_lock lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

EngineStatus Scheduler::status() const {
  const std::scoped_lock lock(mutex_);
  EngineStatus status = total_;
  status.slots = settings_.slots;
  status.busy = static_cast<unsigned>(active_.size());
  status.queued = static_cast<unsigned>(queue_.size());
  status.queue_limit = settings_.waiting;
  status.cache_tokens = store_.used_cells();
  status.cache_bytes = store_.used_cells() * store_.limits().bytes_per_cell;
  status.cache_limit_bytes = store_.limits().cells * store_.limits().bytes_per_cell;
  return status;
}

CacheUsage Scheduler::usage(std::string_view tenant) const {
  const std::scoped_lock lock(mutex_);
  return store_.usage(tenant);
}

// The engine's thread does it, between two steps: nobody else may touch the memory.
void Scheduler::forget(std::string_view tenant) {
  Lock lock(mutex_);
  to_forget_.push_back({std::string(tenant), false});
  const auto mine = std::prev(to_forget_.end());
  woken_ = true;
  changed_.notify_all();
  forgotten_.wait(lock, [&] { return mine->done || quit_; });
  to_forget_.erase(mine);
}

void Scheduler::loop() {
  Lock lock(mutex_);
  while (!quit_) {
    woken_ = false;
    forget_whoever_left();
    end_stopped();
    admit();
    if (active_.empty()) {
      wait_for_work(lock);
    } else {
      step(lock);
    }
  }
  std::vector<Job*> waiting;
  queue_.for_each([&](Job& job) { waiting.push_back(&job); });
  for (std::vector<Job*>* const jobs : {&active_, &waiting}) {
    for (Job* const job : std::vector(*jobs)) {
      job->outcome.reason = StopReason::cancelled;
      end(*job, job->outcome);
    }
  }
  store_.forget_all();
  forgotten_.notify_all();
}

void Scheduler::wait_for_work(Lock& lock) {
  const auto something = [this] { return quit_ || woken_ || queue_.size() > 0; };
  if (const auto oldest = store_.oldest_use()) {
    changed_.wait_until(lock, *oldest + settings_.forget_after, something);
  } else {
    changed_.wait(lock, something);
  }
}

void Scheduler::forget_whoever_left() {
  for (Leaving& leaving : to_forget_) {
    if (!leaving.done) store_.forget(leaving.tenant);
    leaving.done = true;
  }
  forgotten_.notify_all();
  store_.forget_unused_since(Clock::now() - settings_.forget_after);
}

void Scheduler::end_stopped() {
  std::vector<Job*> jobs = active_;
  queue_.for_each([&](Job& job) { jobs.push_back(&job); });
  for (Job* const job : jobs) {
    const auto reason = job->stopped();
    if (!reason) continue;
    job->outcome.reason = *reason;
    end(*job, job->outcome);
  }
}

// Whatever runs may become as long as it asked for, and there will be cells for it.
bool Scheduler::fits(const Job& job) const {
  std::size_t promised = job.longest(settings_.context);
  for (const Job* const other : active_) promised += other->longest(settings_.context);
  return active_.size() < settings_.slots && promised <= store_.limits().cells;
}

void Scheduler::admit() {
  while (Job* const job = queue_.next()) {
    if (!fits(*job)) {
      const std::string* const other = queue_.gives_way_to(job->request.tenant);
      if (other == nullptr) return;
      interrupt(std::string(*other));
      continue;
    }
    start(*job);
  }
}

void Scheduler::start(Job& job) {
  queue_.remove(job);
  queue_.started(job.request.tenant);
  active_.push_back(&job);
  job.start_order = ++starts_;
  const auto now = Clock::now();
  job.sequence = store_.open(job.request.tenant, job.tokens, job.longest(settings_.context), now);
  if (std::exchange(job.counted, true)) return;
  job.started = now;
  job.outcome.cached_tokens = static_cast<unsigned>(job.computed());
  total_.cached_tokens += job.computed();
}

// The tenant's request that started last goes back to the head of its line. What it has read stays in the cache, so
// long as nobody needs the room.
void Scheduler::interrupt(const std::string& tenant) {
  Job* last = nullptr;
  for (Job* const job : active_) {
    if (job->request.tenant == tenant && (last == nullptr || job->start_order > last->start_order)) last = job;
  }
  if (last == nullptr) return;
  queue_.push(*last, true);  // first: a tenant with nobody in line is forgotten
  leave(*last);
}

void Scheduler::leave(Job& job) {
  std::erase(active_, &job);
  if (job.sequence != nullptr) store_.close(*job.sequence, Clock::now());
  job.sequence = nullptr;
  queue_.ended(job.request.tenant);
}

void Scheduler::end(Job& job, Result<Outcome> outcome) {
  const bool ran = std::find(active_.begin(), active_.end(), &job) != active_.end();
  if (ran) {
    leave(job);
  } else {
    queue_.remove(job);
  }
  if (outcome) {
    Timings& timings = outcome->timings;
    const auto now = Clock::now();
    const bool read = job.generating != SteadyTime{};
    if (job.started != SteadyTime{}) timings.prompt_ms = milliseconds_between(job.started, read ? job.generating : now);
    if (read) timings.predicted_ms = milliseconds_between(job.generating, now);
    if (outcome->generated_tokens > 0 && timings.predicted_ms > 0) {
      timings.tokens_per_second = 1000 * outcome->generated_tokens / timings.predicted_ms;
    }
    total_.generated_tokens += outcome->generated_tokens;
    total_.cancelled += outcome->reason == StopReason::cancelled ? 1U : 0U;
    if (std::string rest = job.text.finish(); !rest.empty()) {
      Channel::Event event;
      event.text = std::move(rest);
      job.channel.tell(std::move(event));
    }
  }
  job.channel.finish(std::move(outcome));
}

}  // namespace blindbox::completion
