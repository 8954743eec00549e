// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/runner.h"

#include <llama.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "blindbox/completion/internal/text_stream.h"

namespace blindbox::completion {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

struct Runner::Watch {
  Listener& listener;
  const std::stop_token& stop;
  std::optional<SteadyTime> deadline;
  bool listener_gone = false;

  [[nodiscard]] std::optional<StopReason> reason() const {
    if (listener_gone || stop.stop_requested()) return StopReason::cancelled;
    if (deadline && Clock::now() >= *deadline) return StopReason::deadline;
    return std::nullopt;
  }
  void say(const std::string& text) {
    if (!text.empty() && !listener_gone) listener_gone = !listener.on_text(text);
  }
};

Runner::Runner(Llama llama, std::optional<FimTokens> fim, Limits limits)
    : llama_(std::move(llama)), fim_(std::move(fim)), limits_(limits) {
  // ggml asks before each node of the graph, on the thread that called llama_decode().
  const auto should_stop = [](void* data) {
    const Watch* watch = static_cast<Runner*>(data)->watch_;
    if (watch == nullptr) return false;
    watch->listener.on_stop_check();
    return watch->reason().has_value();
  };
  llama_set_abort_callback(llama_.context.get(), should_stop, this);
}

Runner::~Runner() { forget(); }

// Wiped, not only marked as free: another tenant's code must not be found in memory either.
void Runner::forget() {
  llama_memory_clear(llama_get_memory(llama_.context.get()), true);
  if (!cached_.empty()) ::explicit_bzero(cached_.data(), cached_.size() * sizeof(Token));
  cached_.clear();
}

void Runner::serve_tenant(const std::string& tenant) {
  if (tenant == tenant_) return;
  forget();
  tenant_ = tenant;
}

// The last token of a prompt is computed in any case: its logits say what comes next.
std::size_t Runner::keep_common_prefix(const Tokens& prompt) {
  const auto ends = std::mismatch(prompt.begin(), prompt.end(), cached_.begin(), cached_.end());
  const auto common = std::min(static_cast<std::size_t>(ends.first - prompt.begin()), prompt.size() - 1);
  if (common == cached_.size()) return common;
  const auto from = static_cast<llama_pos>(common);
  if (common == 0 || !llama_memory_seq_rm(llama_get_memory(llama_.context.get()), 0, from, -1)) {
    forget();
    return 0;
  }
  cached_.resize(common);
  return common;
}

// Computes tokens, at most a chunk of them, behind those in the cache. Where it is stopped or fails, llama.cpp takes
// them out of the context again; whatever it left there is found by asking.
Runner::Step Runner::decode(Tokens tokens) {
  llama_context* context = llama_.context.get();
  int status = -1;
  try {
    status = llama_decode(context, llama_batch_get_one(tokens.data(), static_cast<std::int32_t>(tokens.size())));
  } catch (const std::exception&) {
    status = -1;
  }
  if (status == 0) {
    cached_.insert(cached_.end(), tokens.begin(), tokens.end());
    return Step::done;
  }
  const llama_pos last = llama_memory_seq_pos_max(llama_get_memory(context), 0);
  if (status != 2 || last + 1 != static_cast<llama_pos>(cached_.size())) forget();
  return status == 2 ? Step::stopped : Step::failed;
}

Runner::Step Runner::prefill(const Tokens& prompt, std::size_t from, Listener& listener) {
  const auto total = static_cast<unsigned>(prompt.size());
  while (from < prompt.size()) {
    const std::size_t count = std::min<std::size_t>(limits_.batch, prompt.size() - from);
    const auto begin = prompt.begin() + static_cast<std::ptrdiff_t>(from);
    const Step step = decode(Tokens(begin, begin + static_cast<std::ptrdiff_t>(count)));
    if (step != Step::done) return step;
    from += count;
    listener.on_prompt(static_cast<unsigned>(from), total);
    if (watch_->reason()) return Step::stopped;
  }
  return Step::done;
}

bool Runner::ends_text(Token token) const {
  const bool marker = fim_ && (token == fim_->prefix || token == fim_->suffix || token == fim_->middle);
  return marker || llama_vocab_is_eog(llama_.vocab, token);
}

// cached_ holds the whole prompt, and the context the logits behind it.
Result<void> Runner::generate(const Request& request, Listener& listener, Outcome& outcome) {
  const auto start = Clock::now();
  const Owned<llama_sampler> sampler = make_sampler(request);
  TextStream text(request.stop);
  bool line_complete = false;
  outcome.reason = StopReason::limit;
  while (outcome.generated_tokens < request.max_tokens) {
    const Token token = llama_sampler_sample(sampler.get(), llama_.context.get(), -1);
    if (ends_text(token)) {
      outcome.reason = StopReason::eos;
      break;
    }
    ++outcome.generated_tokens;
    const std::string bytes = token_bytes(llama_.vocab, token);
    line_complete = line_complete || bytes.find('\n') != std::string::npos;
    watch_->say(text.push(bytes));
    if (!text.stopped_by().empty()) {
      outcome.reason = StopReason::word;
      outcome.stopping_word = text.stopped_by();
      break;
    }
    if (const auto reason = watch_->reason()) {
      outcome.reason = *reason;
      break;
    }
    if (outcome.generated_tokens == request.max_tokens || cached_.size() == limits_.context) break;
    if (line_complete && request.line_budget && Clock::now() - start >= *request.line_budget) break;
    listener.on_stop_check();
    const Step step = decode({token});
    if (step == Step::failed) return base::fail(ErrorKind::internal, "the engine failed while it made tokens");
    if (step == Step::stopped) {
      outcome.reason = watch_->reason().value_or(StopReason::cancelled);
      break;
    }
  }
  watch_->say(text.finish());
  if (watch_->listener_gone) outcome.reason = StopReason::cancelled;
  outcome.timings.predicted_ms = milliseconds_since(start);
  return {};
}

Result<Outcome> Runner::run(const Tokens& prompt, const Request& request, Listener& listener,
                            const std::stop_token& stop) {
  serve_tenant(request.tenant);
  Watch watch{listener, stop, request.deadline};
  watch_ = &watch;
  const struct Unwatch {
    Watch*& watch;
    ~Unwatch() { watch = nullptr; }
  } unwatch{watch_};

  const auto start = Clock::now();
  Outcome outcome;
  outcome.prompt_tokens = static_cast<unsigned>(prompt.size());
  const std::size_t common = keep_common_prefix(prompt);
  outcome.cached_tokens = static_cast<unsigned>(common);
  const Step step = prefill(prompt, common, listener);
  outcome.timings.prompt_ms = milliseconds_since(start);
  if (step == Step::failed) return base::fail(ErrorKind::internal, "the engine failed while it read the prompt");
  outcome.evaluated_tokens = static_cast<unsigned>(cached_.size() - std::min(common, cached_.size()));
  if (step == Step::stopped) {
    outcome.reason = watch.reason().value_or(StopReason::cancelled);
    return outcome;
  }
  if (auto done = generate(request, listener, outcome); !done) return base::pass_on(done);
  if (outcome.generated_tokens > 0 && outcome.timings.predicted_ms > 0) {
    outcome.timings.tokens_per_second = 1000 * outcome.generated_tokens / outcome.timings.predicted_ms;
  }
  return outcome;
}

}  // namespace blindbox::completion
