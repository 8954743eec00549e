// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/fair_queue.h"

#include <algorithm>
#include <optional>

#include "blindbox/completion/internal/job.h"

namespace blindbox::completion {
namespace {

constexpr double kTimeSlice = 1000;  // milliseconds

}  // namespace

FairQueue::Tenant& FairQueue::arrive(const std::string& name) {
  Tenant& tenant = tenants_[name];
  if (is_idle(tenant)) tenant.used = std::max(tenant.used, floor_);
  return tenant;
}

void FairQueue::push(Job& job, bool interrupted) {
  Tenant& tenant = arrive(job.request.tenant);
  if (interrupted) {
    tenant.line.push_front(&job);
  } else {
    tenant.line.push_back(&job);
  }
  ++size_;
}

void FairQueue::remove(const Job& job) {
  const auto tenant = tenants_.find(job.request.tenant);
  if (tenant == tenants_.end()) return;
  auto& line = tenant->second.line;
  const auto at = std::find(line.begin(), line.end(), &job);
  if (at == line.end()) return;
  line.erase(at);
  --size_;
}

Job* FairQueue::next() const {
  const Tenant* least = nullptr;
  for (const auto& [name, tenant] : tenants_) {
    if (tenant.line.empty()) continue;
    const bool better = least == nullptr || tenant.running < least->running ||
                        (tenant.running == least->running && tenant.used < least->used);
    if (better) least = &tenant;
  }
  return least == nullptr ? nullptr : least->line.front();
}

const std::deque<Job*>* FairQueue::line(const std::string& tenant) const {
  const auto found = tenants_.find(tenant);
  return found == tenants_.end() ? nullptr : &found->second.line;
}

void FairQueue::started(const std::string& tenant) { ++arrive(tenant).running; }

void FairQueue::ended(const std::string& tenant) {
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end() || found->second.running == 0) return;
  --found->second.running;
  move_floor();
}

void FairQueue::charge(const std::string& tenant, double milliseconds) {
  const auto found = tenants_.find(tenant);
  if (found != tenants_.end()) found->second.used += milliseconds;
  move_floor();
}

// What idle tenants have had counts until the busy ones have had as much, or until nobody is busy; then they are
// forgotten.
void FairQueue::move_floor() {
  std::optional<double> least;
  for (const auto& [name, tenant] : tenants_) {
    if (!is_idle(tenant)) least = std::min(least.value_or(tenant.used), tenant.used);
  }
  if (!least) return tenants_.clear();
  floor_ = std::max(floor_, *least);
  std::erase_if(tenants_, [this](const auto& row) { return is_idle(row.second) && row.second.used <= floor_; });
}

unsigned FairQueue::running(const std::string& tenant) const {
  const auto found = tenants_.find(tenant);
  return found == tenants_.end() ? 0 : found->second.running;
}

const std::string* FairQueue::gives_way_to(const std::string& tenant) const {
  const auto own = tenants_.find(tenant);
  if (own == tenants_.end()) return nullptr;
  const std::string* most = nullptr;
  const Tenant* found = nullptr;
  for (const auto& [name, other] : tenants_) {
    if (other.running == 0 || name == tenant) continue;
    const bool more = found == nullptr || other.running > found->running ||
                      (other.running == found->running && other.used > found->used);
    if (!more) continue;
    most = &name;
    found = &other;
  }
  if (found == nullptr || found->running <= own->second.running) return nullptr;
  const bool unfair = found->running > own->second.running + 1 || found->used > own->second.used + kTimeSlice;
  return unfair ? most : nullptr;
}

Job* FairQueue::gives_place_to(const std::string& tenant) const {
  const auto own = tenants_.find(tenant);
  const std::size_t least = own == tenants_.end() ? 0 : own->second.line.size();
  const Tenant* longest = nullptr;
  for (const auto& [name, other] : tenants_) {
    if (longest == nullptr || other.line.size() > longest->line.size()) longest = &other;
  }
  if (longest == nullptr || longest->line.size() <= least + 1) return nullptr;
  const auto last =
      std::find_if(longest->line.rbegin(), longest->line.rend(), [](const Job* job) { return !job->counted; });
  return last == longest->line.rend() ? nullptr : *last;
}

}  // namespace blindbox::completion
