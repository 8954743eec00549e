// SPDX-License-Identifier: Apache-2.0
#include "blindbox/keys/ledger.h"

#include <algorithm>
#include <cmath>

namespace blindbox::keys {

using Day = std::chrono::sys_days;

struct internal::Account {
  std::mutex mutex;
  unsigned running = 0;
  double requests = -1;  // that may come now; below zero: none was counted yet
  SteadyTime counted;
  Day day;
  std::uint64_t tokens = 0;  // of that day

  void turn_to(Day today) {
    if (day == today) return;
    day = today;
    tokens = 0;
  }
};

namespace {

// Tenants come from the key file, or one for each connection where there is none: idle ones beyond this many go.
constexpr std::size_t kAccounts = 8192;

Refusal refusal(const char* what, const std::string& limit, double seconds) {
  return {{ErrorKind::limit, what, limit, "try again later, or ask the operator for another limit"},
          static_cast<unsigned>(std::max(1.0, std::ceil(seconds)))};
}

std::optional<Refusal> take_request(internal::Account& account, std::uint32_t per_minute, SteadyTime now) {
  const double most = per_minute;
  if (account.requests < 0) {
    account.requests = most;
  } else {
    const double passed = std::chrono::duration<double>(now - account.counted).count();
    account.requests = std::min(most, account.requests + std::max(passed, 0.0) * most / 60);
  }
  account.counted = now;
  if (account.requests < 1) {
    return refusal("too many requests", "the limit is " + std::to_string(per_minute) + " a minute",
                   (1 - account.requests) * 60 / most);
  }
  account.requests -= 1;
  return std::nullopt;
}

}  // namespace

Ticket::~Ticket() {
  if (!account_) return;
  const std::scoped_lock lock(account_->mutex);
  --account_->running;
}

void Ticket::spend(std::uint64_t tokens, base::Time now) {
  const std::scoped_lock lock(account_->mutex);
  account_->turn_to(std::chrono::floor<std::chrono::days>(now));
  account_->tokens += tokens;
}

tl::expected<Ticket, Refusal> Ledger::admit(const std::string& tenant, const Limits& limits, Moment now) {
  const std::scoped_lock lock(mutex_);
  if (accounts_.size() >= kAccounts) {
    std::erase_if(accounts_, [](const auto& entry) { return entry.second.use_count() == 1; });
  }
  auto& account = accounts_[tenant];
  if (!account) account = std::make_shared<internal::Account>();
  const std::scoped_lock account_lock(account->mutex);
  if (limits.concurrent > 0 && account->running >= limits.concurrent) {
    return tl::unexpected(
        refusal("too many requests at once", "the limit is " + std::to_string(limits.concurrent) + " at once", 1));
  }
  const Day today = std::chrono::floor<std::chrono::days>(now.wall);
  account->turn_to(today);
  if (limits.tokens_per_day > 0 && account->tokens >= limits.tokens_per_day) {
    const std::chrono::duration<double> left = today + std::chrono::days(1) - now.wall;
    return tl::unexpected(
        refusal("the day's tokens are used up",
                "the limit is " + std::to_string(limits.tokens_per_day) + " a day, until midnight UTC", left.count()));
  }
  if (limits.requests_per_minute > 0) {
    if (auto refused = take_request(*account, limits.requests_per_minute, now.steady)) return tl::unexpected(*refused);
  }
  ++account->running;
  return Ticket(account);
}

unsigned Ledger::running(const std::string& tenant) const {
  const std::scoped_lock lock(mutex_);
  const auto found = accounts_.find(tenant);
  if (found == accounts_.end()) return 0;
  const std::scoped_lock account_lock(found->second->mutex);
  return found->second->running;
}

}  // namespace blindbox::keys
