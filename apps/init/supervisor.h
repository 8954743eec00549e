// SPDX-License-Identifier: Apache-2.0
// Process 1: starts the others, reaps, passes signals on, restarts, drains, and ends as the application did. It holds no
// key and reads nothing that comes from outside but signals.
#pragma once

#include <chrono>
#include <optional>

#include "blindbox/sandbox/sandbox.h"
#include "channel.h"
#include "output.h"
#include "prober.h"
#include "roles.h"

namespace blindbox::init {

class Supervisor {
 public:
  Supervisor(Options options, std::vector<std::string> container_environment)
      : options_(std::move(options)), container_environment_(std::move(container_environment)) {}

  // The container's exit status: the application's own, or base::exit_code() of what went wrong.
  [[nodiscard]] int run();

 private:
  using Clock = std::chrono::steady_clock;
  using When = std::optional<Clock::time_point>;

  Result<void> prepare();
  Result<void> start_gateway();
  Result<void> start_application();
  Result<void> start_egress();
  [[nodiscard]] sandbox::Settings settings();
  [[nodiscard]] Service service() const;

  Result<void> loop();
  void wait();
  Result<void> on_time();
  void on_signals();
  void on_gateway_says();
  void start_probe(const probe::Nonce& nonce);
  void on_probe_end();
  void reap();
  void on_application_end(int status);
  void on_gateway_end(int status);
  void begin_drain();
  void ask_application_to_end();
  void end(int status);
  int finish();

  Options options_;
  std::vector<std::string> container_environment_;
  specification::Specification specification_;
  base::Sha256 specification_sha256_{};
  uid_t application_user_ = 0;
  std::string home_;

  base::Fd signals_;
  sandbox::ConnectorEnds connector_;
  base::Fd gateway_channel_;
  base::Fd egress_listener_;
  std::uint16_t tls_port_ = 0;  // where the gateway listens
  std::optional<Prober> prober_;
  std::optional<probe::Nonce> next_probe_;  // a client's, who asked while another run was under way
  pid_t gateway_ = -1;
  pid_t egress_ = -1;
  std::optional<sandbox::Running> application_;
  std::optional<specification::Tier> tier_;  // reached at the first start, and attested
  Output output_{1}, error_{2};

  int stop_signal_ = 0;
  bool draining_ = false;
  std::optional<int> status_;  // set: it is over
  int last_status_ = 0;
  unsigned restarts_ = 0;  // since it last ran for a while
  Clock::time_point started_;
  When restart_at_, egress_at_, kill_at_, gateway_kill_at_;
};

}  // namespace blindbox::init
