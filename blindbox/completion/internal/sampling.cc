// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/sampling.h"

#include <llama.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace blindbox::completion {
namespace {

constexpr std::int32_t kPenaltyReach = 64;

}  // namespace

Owned<llama_sampler> make_sampler(const Request& request, const Tokens& prompt, Token vocabulary) {
  llama_sampler_chain_params params = llama_sampler_chain_default_params();
  params.no_perf = true;
  Owned<llama_sampler> chain(llama_sampler_chain_init(params));
  std::vector<llama_logit_bias> bias;
  for (const TokenBias& one : request.bias) {
    if (one.id >= 0 && one.id < vocabulary) bias.push_back({one.id, one.bias});
  }
  if (!bias.empty()) {
    llama_sampler_chain_add(
        chain.get(), llama_sampler_init_logit_bias(vocabulary, static_cast<std::int32_t>(bias.size()), bias.data()));
  }
  const bool repeats = request.repeat_penalty > 0 && request.repeat_penalty != 1;
  if (repeats || request.presence_penalty != 0 || request.frequency_penalty != 0) {
    llama_sampler_chain_add(
        chain.get(), llama_sampler_init_penalties(vocabulary, kPenaltyReach, repeats ? request.repeat_penalty : 1,
                                                  request.frequency_penalty, request.presence_penalty));
  }
  if (request.temperature <= 0) {
    llama_sampler_chain_add(chain.get(), llama_sampler_init_greedy());
  } else {
    if (request.top_k > 0) llama_sampler_chain_add(chain.get(), llama_sampler_init_top_k(request.top_k));
    if (request.top_p < 1) llama_sampler_chain_add(chain.get(), llama_sampler_init_top_p(request.top_p, 1));
    if (request.min_p > 0) llama_sampler_chain_add(chain.get(), llama_sampler_init_min_p(request.min_p, 1));
    llama_sampler_chain_add(chain.get(), llama_sampler_init_temp(request.temperature));
    llama_sampler_chain_add(chain.get(), llama_sampler_init_dist(request.seed));
  }
  const std::size_t first = prompt.size() - std::min<std::size_t>(prompt.size(), kPenaltyReach);
  for (std::size_t i = first; i < prompt.size(); ++i) llama_sampler_accept(chain.get(), prompt[i]);
  return chain;
}

LogProbabilities::LogProbabilities(const float* logits, std::size_t count) : logits_(logits), count_(count) {
  const float most = *std::max_element(logits, logits + count);
  float sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::exp(logits[i] - most);
  normaliser_ = most + std::log(sum);
}

std::vector<TokenProbability> LogProbabilities::likeliest(std::size_t count) const {
  std::vector<Token> ids(count_);
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(count, count_));
  std::partial_sort(ids.begin(), end, ids.end(),
                    [this](Token a, Token b) { return logits_[a] != logits_[b] ? logits_[a] > logits_[b] : a < b; });
  std::vector<TokenProbability> out;
  for (auto id = ids.begin(); id != end; ++id) out.push_back({*id, of(*id)});
  return out;
}

}  // namespace blindbox::completion
