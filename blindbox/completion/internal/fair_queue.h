// SPDX-License-Identifier: Apache-2.0
// Whose turn it is. Tenants, not requests, share the engine: each is charged the time that its tokens took, and who
// has had least is next. A tenant that comes back after a pause has saved nothing up. Not safe for several threads.
#pragma once

#include <deque>
#include <map>
#include <string>

namespace blindbox::completion {

struct Job;

class FairQueue {
 public:
  // At the end of its tenant's line, or at its front where the job was interrupted.
  void push(Job& job, bool interrupted = false);
  void remove(const Job& job);
  // The first in line of the tenant that has had least; null where nobody waits.
  [[nodiscard]] Job* next() const;
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const std::deque<Job*>* line(const std::string& tenant) const;

  void started(const std::string& tenant);
  void ended(const std::string& tenant);
  void charge(const std::string& tenant, double milliseconds);
  [[nodiscard]] unsigned running(const std::string& tenant) const;
  // The tenant that gives way so that another of this tenant's requests can run: one that runs two more, or one more
  // and has had its time slice. Null where all is fair.
  [[nodiscard]] const std::string* gives_way_to(const std::string& tenant) const;

  // Who leaves a full queue so that this tenant's next request finds a place: the one that came last, and has not begun,
  // of the tenant with the longest line, if that line stays longer than this tenant's. Null where all is fair.
  [[nodiscard]] Job* gives_place_to(const std::string& tenant) const;

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [name, tenant] : tenants_) {
      for (Job* const job : tenant.line) visit(*job);
    }
  }

 private:
  struct Tenant {
    std::deque<Job*> line;
    unsigned running = 0;
    double used = 0;  // milliseconds, since the queue began
  };
  static bool is_idle(const Tenant& tenant) { return tenant.line.empty() && tenant.running == 0; }
  Tenant& arrive(const std::string& name);
  void move_floor();

  std::map<std::string, Tenant> tenants_;
  std::size_t size_ = 0;
  double floor_ = 0;  // what the busy tenant with least had had, last time anybody was busy
};

}  // namespace blindbox::completion
