// SPDX-License-Identifier: Apache-2.0
// Who has asked how much: the limits of a key, counted for its tenant. Kept in memory alone: it outlives a new key file,
// not the process.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tl/expected.hpp>

#include "blindbox/keys/key_file.h"

namespace blindbox::keys {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Moment {
  SteadyTime steady;  // for the minute
  base::Time wall;    // for the day
};

struct Refusal {
  Error error;
  unsigned retry_after = 1;  // seconds
};

namespace internal {
struct Account;
}

// A request that runs. Its end gives the place back.
class Ticket {
 public:
  explicit Ticket(std::shared_ptr<internal::Account> account) : account_(std::move(account)) {}
  Ticket(Ticket&&) noexcept = default;
  Ticket& operator=(Ticket&&) = delete;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket();

  // Books what it took; the next request pays for a quota that was overdrawn.
  void spend(std::uint64_t tokens, base::Time now);

 private:
  std::shared_ptr<internal::Account> account_;
};

class Ledger {
 public:
  // The first limit that is reached refuses. A minute's requests are a bucket that fills evenly, so that no minute
  // allows twice as many by beginning in its middle.
  [[nodiscard]] tl::expected<Ticket, Refusal> admit(const std::string& tenant, const Limits& limits, Moment now);
  // Requests of the tenant that run.
  [[nodiscard]] unsigned running(const std::string& tenant) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<internal::Account>> accounts_;
};

}  // namespace blindbox::keys
