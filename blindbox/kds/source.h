// SPDX-License-Identifier: Apache-2.0
// Evidence in, the same evidence with what AMD's service or the cache adds to it out.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "blindbox/evidence/evidence.h"
#include "blindbox/kds/cache.h"
#include "blindbox/kds/client.h"
#include "blindbox/kds/missing.h"

namespace blindbox::kds {

struct SourceOptions {
  Origin origin{true, {"kdsintf.amd.com", 443}};
  std::string cache_folder;  // empty: nothing is kept on disk
  // No network at all: the cache, whatever its age, or an error.
  bool offline = false;
  Limits limits;
  Pace pace = real_pace();
  // Hears what is no failure: a folder that cannot be written to, a long wait.
  Warn warn;
};

class Source {
 public:
  explicit Source(SourceOptions options);

  // Fills in what find_missing() names; nothing that is there is replaced, and nothing that is added is verified. At once
  // where nothing is missing. Any number of calls may be under way: the service is asked one thing at a time, and a thing
  // once. now is the time of day, for the age of lists. ErrorKind::network: something could not be fetched. The source
  // outlives the call.
  net::Task<Result<evidence::Evidence>> complete(evidence::Evidence evidence, bool crl_wanted, base::Time now);

 private:
  net::Task<Result<void>> add_certificates(evidence::Evidence& evidence, Missing& missing, base::Time now,
                                           SteadyTime due);
  net::Task<Result<Answer>> get_vcek(Missing& missing, base::Time now, SteadyTime due);
  net::Task<Result<Answer>> get(Request request, base::Time now, SteadyTime due);
  // Absent: the service has no such thing.
  net::Task<Result<std::optional<Answer>>> get_if_there(Request request, base::Time now, SteadyTime due);
  net::Task<Result<std::optional<Answer>>> fetch(Request request, base::Time now, SteadyTime due);
  // What is kept and need not be fetched anew.
  [[nodiscard]] std::optional<Cache::Entry> usable(const Request& request, base::Time now);
  // The place in the queue; whoever has it gives it back.
  net::Task<void> take_turn();
  void end_turn();
  [[nodiscard]] Error offline_error(const Request& request) const;

  SourceOptions options_;
  Client client_;
  Cache cache_;
  // What failed last is not tried again at once: other connections may wait for the same.
  struct Failure {
    std::string name;
    SteadyTime until{};
    Error error;
  };
  std::optional<Failure> failure_;
  bool warned_of_cache_ = false;
  bool busy_ = false;
  std::vector<std::shared_ptr<net::asio::steady_timer>> waiting_;
};

}  // namespace blindbox::kds
