// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/planner.h"

#include <algorithm>
#include <map>

#include "blindbox/completion/internal/prompt_lookup.h"

namespace blindbox::completion {
namespace {

constexpr std::size_t kDraft = 3;     // more cost more than they bring (docs/performance.md)
constexpr std::size_t kCrowd = 2;     // requests at once up to which guessing ahead pays
constexpr unsigned kDraftTrials = 4;  // guesses before it is judged
// Of the bound, what a step is planned for while others are there: a neighbour on the machine makes some longer.
constexpr double kAim = 0.6;

// As long as this request's guesses bring more tokens than they cost time.
bool guessing_pays(const Job& job, const Pace& pace) {
  if (job.drafted < kDraftTrials) return true;
  const double gain = 1 + static_cast<double>(job.accepted) / job.drafted;
  return gain * pace.predict(1) > pace.predict(1 + kDraft);
}

Tokens guess(const Job& job, const Pace& pace, const PlanLimits& limits) {
  if (job.outcome.generated_tokens == 0 || !guessing_pays(job, pace)) return {};
  const std::size_t room = job.longest(limits.context) - std::min(job.tokens.size(), job.longest(limits.context));
  return look_up_draft(job.tokens, std::min(kDraft, room));
}

struct Share {
  std::vector<Job*> jobs;  // of one tenant, that read prompts; the one that started first is first
  std::size_t wants = 0;
};

void divide(std::vector<Share> shares, std::size_t budget, std::vector<Piece>& pieces) {
  std::sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) { return a.wants < b.wants; });
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::size_t given = std::min(shares[i].wants, std::max<std::size_t>(budget / (shares.size() - i), 1));
    std::size_t left = given;
    for (Job* const job : shares[i].jobs) {
      const std::size_t count = std::min(left, job->left());
      if (count > 0) pieces.push_back({job, count, {}});
      left -= count;
    }
    budget -= std::min(budget, given);
  }
}

}  // namespace

std::vector<Piece> plan_step(const std::vector<Job*>& active, const Pace& pace, const PlanLimits& limits) {
  std::vector<Piece> pieces;
  std::map<std::string_view, Share> readers;
  std::size_t generating = 0;
  for (Job* const job : active) {
    if (job->left() > 1) {
      Share& share = readers[job->request.tenant];
      share.jobs.push_back(job);
      share.wants += job->left();
      continue;
    }
    const bool guesses = limits.lookup && active.size() <= kCrowd;
    pieces.push_back({job, 1, guesses ? guess(*job, pace, limits) : Tokens{}});
    generating += pieces.back().size();
  }
  if (readers.empty()) return pieces;
  // Alone, a step holds up only whoever comes in its middle.
  const bool alone = active.size() == 1 && !limits.others_wait;
  const std::size_t chunk = pace.chunk(alone ? limits.stall : kAim * limits.stall, limits.batch);
  std::vector<Share> shares;
  for (auto& [tenant, share] : readers) {
    std::sort(share.jobs.begin(), share.jobs.end(),
              [](const Job* a, const Job* b) { return a->start_order < b->start_order; });
    shares.push_back(std::move(share));
  }
  divide(std::move(shares), chunk > generating ? chunk - generating : 1, pieces);
  return pieces;
}

}  // namespace blindbox::completion
