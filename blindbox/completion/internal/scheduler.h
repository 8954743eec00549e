// SPDX-License-Identifier: Apache-2.0
// The engine's one thread: takes requests from a fair queue, computes them together step by step, and keeps what it
// has read for the next request of the same tenant.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "blindbox/completion/engine.h"
#include "blindbox/completion/internal/decoder.h"
#include "blindbox/completion/internal/fair_queue.h"
#include "blindbox/completion/internal/kv_store.h"
#include "blindbox/completion/internal/speaker.h"

namespace blindbox::completion {

class Scheduler {
 public:
  struct Settings {
    unsigned slots;       // requests at once
    unsigned waiting;     // in the queue beside them
    unsigned batch;       // tokens of prompts in a step
    std::size_t context;  // tokens of a sequence; llama.cpp rounds its own up, past the positions that a model learned
    std::chrono::milliseconds stall;
    std::chrono::seconds forget_after;
    bool lookup;
    std::optional<FimTokens> fim;
  };

  Scheduler(Llama llama, Pace pace, std::size_t bytes_per_cell, Settings settings);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  // Ends what runs, and wipes everything.
  ~Scheduler();

  // prompt is not empty and fits into the context. Returns when the request is through.
  [[nodiscard]] Result<Outcome> run(const Request& request, Tokens prompt, Listener& listener,
                                    const std::stop_token& stop);
  [[nodiscard]] EngineStatus status() const;
  [[nodiscard]] CacheUsage usage(std::string_view tenant) const;
  // Returns when the tenant's cache is wiped.
  void forget(std::string_view tenant);

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Leaving {
    std::string tenant;
    bool done;
  };

  void loop();
  void wait_for_work(Lock& lock);
  [[nodiscard]] tl::unexpected<Error> full() const;
  void wake();
  void end_stopped();
  void forget_whoever_left();
  void admit();
  [[nodiscard]] bool fits(const Job& job) const;
  void start(Job& job);
  void interrupt(const std::string& tenant);
  void step(Lock& lock);
  void take(const Piece& piece, std::size_t from, bool reaches_end);
  void after_abort(const std::vector<Piece>& pieces);
  void fail_all();
  void leave(Job& job);
  void end(Job& job, Result<Outcome> outcome);

  Llama llama_;
  Settings settings_;
  Pace pace_;
  mutable std::mutex mutex_;  // held by the engine's thread but while it computes
  std::condition_variable changed_;
  std::condition_variable forgotten_;
  bool quit_ = false;
  bool woken_ = false;
  KvStore store_;
  FairQueue queue_;
  std::vector<Job*> active_;
  std::list<Leaving> to_forget_;
  std::uint64_t starts_ = 0;
  EngineStatus total_;
  Decoder decoder_;
  Speaker speaker_;
  std::thread thread_;  // the last: everything else is there when it starts
};

}  // namespace blindbox::completion
