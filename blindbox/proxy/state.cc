// SPDX-License-Identifier: Apache-2.0
#include <spdlog/spdlog.h>

#include <algorithm>

#include "blindbox/proxy/internal/state.h"

namespace blindbox::proxy::internal {

const Server* State::find(std::string_view name) const {
  if (name.empty()) return &options.servers.front();
  const auto at = std::ranges::find(options.servers, name, &Server::name);
  return at == options.servers.end() ? nullptr : &*at;
}

bool State::paused() const {
  return std::ranges::all_of(options.servers,
                             [](const Server& one) { return one.pool->standing() == Standing::paused; });
}

void State::changed() {
  for (Listener* listener : listeners) {
    listener->changed = true;
    listener->timer.cancel();
  }
}

void State::record(const ledger::Entry& entry) {
  const std::string line = listeners.empty() ? "" : ledger::write_entry(entry);
  constexpr std::size_t kBehind = 256;  // a listener that does not read misses the oldest
  for (Listener* listener : listeners) {
    if (listener->entries.size() >= kBehind) listener->entries.pop_front();
    listener->entries.push_back(line);
  }
  changed();
  if (!options.ledger) return;
  const auto written = options.ledger->append(entry);
  // Told once, and again when it is over: a full disk must not fill the log too.
  if (!written && !ledger_trouble) spdlog::error("the ledger cannot be written: {}", written.error().what);
  if (written && ledger_trouble)
    spdlog::warn("the ledger is written again; {} entries were lost", options.ledger->lost());
  ledger_trouble = written ? std::nullopt : std::optional(written.error().what);
}

UnderWay::UnderWay(StatePtr state, const http::RequestHead& head) : state_(std::move(state)) {
  constexpr std::size_t kIdBytes = 8;
  ledger::Entry entry;
  entry.time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  entry.id = base::to_hex(base::random_bytes(kIdBytes));
  entry.method = head.method;
  entry.path = head.target.substr(0, head.target.find('?'));
  entry.outcome = "cancelled";
  entry_ = state_->active.insert(state_->active.end(), std::move(entry));
}

UnderWay::~UnderWay() {
  const ledger::Entry entry = std::move(*entry_);
  state_->active.erase(entry_);
  state_->record(entry);
}

}  // namespace blindbox::proxy::internal
