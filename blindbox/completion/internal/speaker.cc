// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/speaker.h"

#include <llama.h>

#include "blindbox/completion/internal/sampling.h"

namespace blindbox::completion {

using Clock = std::chrono::steady_clock;

Speaker::Speaker(const Llama& llama, std::optional<FimTokens> fim, std::size_t context)
    : llama_(llama), fim_(std::move(fim)), context_(context), vocabulary_(llama_vocab_n_tokens(llama.vocab)) {}

bool Speaker::ends_text(Token token) const {
  const bool marker = fim_ && (token == fim_->prefix || token == fim_->suffix || token == fim_->middle);
  return marker || llama_vocab_is_eog(llama_.vocab, token);
}

bool Speaker::choose(const Piece& piece, std::size_t& kept) const {
  Job& job = *piece.job;
  kept = job.tokens.size();
  if (job.generating == SteadyTime{}) job.generating = Clock::now();
  if (job.request.max_tokens == 0) return true;
  if (!job.sampler) job.sampler = make_sampler(job.request, job.tokens, vocabulary_);
  std::int32_t index = piece.first + static_cast<std::int32_t>(piece.count) - 1;
  if (!piece.draft.empty()) job.drafted += 1;
  for (std::size_t drafted = 0;; ++drafted, ++index) {
    const bool ended = choose_one(job, index);
    // A token that ended the text is not among the job's.
    const bool right =
        drafted < piece.draft.size() && job.tokens.size() > kept && job.tokens.back() == piece.draft[drafted];
    if (right) {
      ++kept;
      ++job.accepted;
    }
    if (ended || !right) return ended;
  }
}

bool Speaker::choose_one(Job& job, std::int32_t index) const {
  Outcome& outcome = job.outcome;
  const LogProbabilities probabilities(llama_get_logits_ith(llama_.context.get(), index),
                                       static_cast<std::size_t>(vocabulary_));
  const Token token = llama_sampler_sample(job.sampler.get(), llama_.context.get(), index);
  if (ends_text(token)) {
    outcome.reason = StopReason::eos;
    return true;
  }
  job.tokens.push_back(token);
  if (++outcome.generated_tokens == 1) {
    outcome.timings.first_token_ms = std::chrono::duration<double, std::milli>(Clock::now() - job.created).count();
  }
  const std::string bytes = token_bytes(llama_.vocab, token);
  job.line_complete = job.line_complete || bytes.find('\n') != std::string::npos;
  Channel::Event event;
  event.token = token;
  event.log_probability = probabilities.of(token);
  if (job.request.top_log_probabilities > 0) {
    event.likeliest = probabilities.likeliest(job.request.top_log_probabilities);
  }
  event.text = job.text.push(bytes);
  job.channel.tell(std::move(event));
  if (!job.text.stopped_by().empty()) {
    outcome.reason = StopReason::word;
    outcome.stopping_word = job.text.stopped_by();
    return true;
  }
  if (const auto reason = job.stopped()) {
    outcome.reason = *reason;
    return true;
  }
  const bool line =
      job.line_complete && job.request.line_budget && Clock::now() - job.generating >= *job.request.line_budget;
  return line || outcome.generated_tokens == job.request.max_tokens || job.tokens.size() > context_;
}

}  // namespace blindbox::completion
