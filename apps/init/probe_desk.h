// SPDX-License-Identifier: Apache-2.0
// The gateway's side of the escape attempts: init runs them, the gateway hands their reports out. The first that nobody
// asked for is the start's, and goes beside the evidence; the others go to the client whose nonce they name.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "blindbox/attested_tls/responder.h"
#include "blindbox/net/asio.h"
#include "blindbox/probe/report.h"

namespace blindbox::init {

class ProbeDesk {
 public:
  // control: of channel.h. Both outlive the desk.
  ProbeDesk(net::Executor executor, int control, attested_tls::Responder& responder);

  // One at a time, as gateway::Probe promises. ErrorKind::platform where init cannot run them.
  net::Task<Result<std::string>> run(probe::Nonce nonce);
  // What init says: a report as JSON.
  void on_report(const std::string& json);
  void on_failure(const std::string& why);

 private:
  struct Asked {
    Asked(const net::Executor& executor, const probe::Nonce& by)
        : nonce(by), done(executor, net::asio::steady_timer::time_point::max()) {}
    probe::Nonce nonce;
    net::asio::steady_timer done;
    std::optional<Result<std::string>> answer;
  };
  void settle(Result<std::string> answer);

  net::Executor executor_;
  int control_;
  attested_tls::Responder& responder_;
  std::shared_ptr<Asked> asked_;
};

}  // namespace blindbox::init
