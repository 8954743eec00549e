// SPDX-License-Identifier: Apache-2.0
// The server's end: answers challenges with evidence. While the security processor works on one call, all challenges
// that arrive wait for the next, which answers them together through a tree: the device is never called more often than
// it can answer, and a lone client waits for nobody.
#pragma once

#include <functional>
#include <memory>

#include "blindbox/attested_tls/tls_session.h"
#include "blindbox/evidence/bundle.h"
#include "blindbox/net/asio.h"

namespace blindbox::attested_tls {

// Asks the platform; blocks; called on one worker thread, one call at a time.
using EvidenceSource = std::function<Result<evidence::Evidence>(const ByteArray<64>& report_data)>;

class Responder {
 public:
  // manifest: the canonical service manifest; secondary: all secondary evidence (evidence/secondary.h), or empty. Every
  // binder covers both.
  Responder(const net::Executor& executor, EvidenceSource source, Bytes manifest, Bytes secondary = {});
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  // Waits for a device call under way.
  ~Responder();

  // The encoded bundle for a challenge that came in on this very session. Called on the executor. ErrorKind::limit
  // when too many wait, ErrorKind::malformed or protocol for a bad challenge, the source's error otherwise.
  net::Task<Result<Bytes>> answer(SSL* session, ByteView challenge);
  // Of challenges from now on. Called on the executor.
  void set_secondary(Bytes secondary);

  [[nodiscard]] std::uint64_t device_calls() const;
  [[nodiscard]] std::uint64_t challenges() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace blindbox::attested_tls
