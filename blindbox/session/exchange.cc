// SPDX-License-Identifier: Apache-2.0
#include "blindbox/session/exchange.h"

#include "blindbox/session/internal/flow.h"

namespace blindbox::session {

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::connect: return "connect";
    case Phase::send: return "send";
    case Phase::head: return "head";
    case Phase::body: return "body";
  }
  return "unknown";
}

Exchange::Exchange(std::shared_ptr<Loop> loop, std::shared_ptr<internal::Flow> flow)
    : loop_(std::move(loop)), flow_(std::move(flow)) {}

// The loop's thread gives up the last hold of the flow, whose timers and streams are its own.
Exchange::~Exchange() {
  if (!loop_->at_home()) {
    (void)new std::shared_ptr<internal::Flow>(std::move(flow_));  // kept for ever: its socket is the parent's
    return;
  }
  loop_->post([flow = std::move(flow_)] { flow->cancel(); });
}

int Exchange::fd() const { return loop_->at_home() ? flow_->signal.get() : -1; }

std::optional<Outcome> Exchange::take() { return flow_->take(); }

void Exchange::step(std::function<void(const std::shared_ptr<internal::Flow>&)> begin) {
  loop_->post([flow = flow_, begin = std::move(begin)] { begin(flow); });
}

void Exchange::write(std::string piece, bool last) {
  step([piece = std::move(piece), last](const auto& flow) { flow->write(piece, last); });
}

void Exchange::read() {
  step([](const auto& flow) { flow->read(); });
}

void Exchange::cancel() {
  step([](const auto& flow) { flow->cancel(); });
}

}  // namespace blindbox::session
