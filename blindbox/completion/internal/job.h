// SPDX-License-Identifier: Apache-2.0
// One request inside the engine: what its caller's thread hears and says, and what the engine's thread keeps of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "blindbox/completion/engine.h"
#include "blindbox/completion/internal/kv_store.h"
#include "blindbox/completion/internal/llama_handles.h"
#include "blindbox/completion/internal/text_stream.h"

namespace blindbox::completion {

// Between the engine's thread, which must never wait for a client, and the caller's, on which the listener hears.
class Channel {
 public:
  struct Event {
    unsigned read = 0;  // of the prompt; total is 0 where the event is none of the prompt's
    unsigned total = 0;
    Token token = -1;
    float log_probability = 0;
    std::vector<TokenProbability> likeliest;
    std::string text;
  };
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() = default;

  // The engine's side. After finish() the channel, and the job with it, is the caller's alone.
  void tell(Event event);
  void finish(Result<Outcome> outcome);
  [[nodiscard]] bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  // The caller's side: hands the events to the listener until finish(). on_cancel is called once at least, from any
  // thread, when stop is requested or the listener wants no more.
  [[nodiscard]] Result<Outcome> deliver(Listener& listener, const std::stop_token& stop,
                                        const std::function<void()>& on_cancel);

 private:
  std::atomic<bool> cancelled_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  std::optional<Result<Outcome>> outcome_;
};

struct Job {
  Job(const Request& asked, Tokens prompt, Listener& hears);

  // Why it must end now, whatever it does.
  [[nodiscard]] std::optional<StopReason> stopped() const;
  // How many tokens it has at most, its prompt included, in a context of so many.
  [[nodiscard]] std::size_t longest(std::size_t context) const;
  [[nodiscard]] std::size_t computed() const { return sequence == nullptr ? 0 : sequence->tokens.size(); }
  [[nodiscard]] std::size_t left() const { return tokens.size() - computed(); }  // to compute before the next token
  [[nodiscard]] bool reads_prompt() const { return tokens.size() == prompt_size && left() > 1; }

  const Request& request;
  Listener& listener;
  Channel channel;

  // The engine's thread alone:
  Tokens tokens;  // the prompt, and behind it what was generated
  std::size_t prompt_size;
  KvStore::Sequence* sequence = nullptr;  // null while it waits
  std::uint64_t start_order = 0;
  Owned<llama_sampler> sampler;
  TextStream text;
  bool line_complete = false;
  bool counted = false;  // its cached tokens
  unsigned drafted = 0;
  unsigned accepted = 0;  // of the drafted
  Outcome outcome;
  SteadyTime created;
  SteadyTime started;     // left the queue
  SteadyTime generating;  // the prompt was read
};

}  // namespace blindbox::completion
