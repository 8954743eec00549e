// SPDX-License-Identifier: Apache-2.0
// What "blindbox connect" prints of its attempts to reach servers.
#pragma once

#include <map>
#include <string>

#include "blindbox/attested_tls/client.h"

namespace blindbox::apps {

// The first verdict of each server is printed whole; later only what changes is told, for a server that is away is looked
// for again and again.
class AttemptLog {
 public:
  explicit AttemptLog(bool several) : several_(several) {}
  void tell(const std::string& name, const attested_tls::ConnectOutcome& outcome);
  void started() { started_ = true; }

 private:
  struct One {
    bool shown = false;
    std::string trouble;
  };
  std::map<std::string, One> servers_;
  bool several_;
  bool started_ = false;
};

}  // namespace blindbox::apps
