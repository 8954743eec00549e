// SPDX-License-Identifier: Apache-2.0
// What all connections of one proxy share: its servers, what is under way, what is counted, and who listens.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "blindbox/ledger/reader.h"
#include "blindbox/proxy/proxy.h"

namespace blindbox::proxy::internal {

// Whoever follows the events: woken when there is something for it.
struct Listener {
  explicit Listener(const net::Executor& executor) : timer(executor) {}
  net::asio::steady_timer timer;
  bool changed = true;              // the status
  std::deque<std::string> entries;  // of the ledger, as JSON
};

struct State {
  State(net::Executor on, Options with) : executor(std::move(on)), options(std::move(with)) {}

  net::Executor executor;
  Options options;
  base::Time since = base::now();
  std::string cookie;  // its name
  std::unique_ptr<net::Sessions> sessions;
  std::list<ledger::Entry> active;
  std::list<Listener*> listeners;
  std::map<std::string, std::uint64_t, std::less<>> requests;  // by server
  std::uint64_t findings = 0;
  std::optional<std::string> ledger_trouble;
  // Long texts are looked through beside the loop, so that they hold nobody up.
  net::asio::thread_pool scanners{1};
  // The ledger is read for the page on a thread of its own, so that it holds up neither requests nor the scan.
  net::asio::thread_pool readers{1};
  std::shared_ptr<ledger::Adder> adder;  // theirs

  [[nodiscard]] const Server* find(std::string_view name) const;
  [[nodiscard]] bool paused() const;
  void changed();
  void record(const ledger::Entry& entry);
};
using StatePtr = std::shared_ptr<State>;

// In the list of what is under way, and in the ledger when it ends, however it ends.
class UnderWay {
 public:
  UnderWay(StatePtr state, const http::RequestHead& head);
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  ~UnderWay();
  ledger::Entry& operator*() const { return *entry_; }
  ledger::Entry* operator->() const { return &*entry_; }

 private:
  StatePtr state_;
  std::list<ledger::Entry>::iterator entry_;
};

// What GET /.blindbox/api/status answers.
[[nodiscard]] nlohmann::json status_json(const State& state);
[[nodiscard]] nlohmann::json server_json(const State& state, const Server& server);

}  // namespace blindbox::proxy::internal
