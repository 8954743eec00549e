// SPDX-License-Identifier: Apache-2.0
// AMD's key distribution service, imitated for the emulator's own keys: the same paths and formats over real HTTP (AMD
// 57230, chapter "KDS interface"). Every answer says in its Server field that it is emulated.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "blindbox/emulator/security_processor.h"
#include "blindbox/http/handler.h"
#include "blindbox/net/connect.h"

namespace blindbox::emulator {

struct KeyDistributionOptions {
  net::HostPort at{"127.0.0.1", 0};
  std::vector<std::uint64_t> revoked;  // serial numbers that every list names
};

// One request's answer: a VCEK in DER for this processor's chip at any TCB, a chain in PEM, a list in DER that is current
// for 30 days. 404 for other chips and paths, VLEKs among them; 400 for a query that is not exactly AMD's.
[[nodiscard]] http::Response answer_key_request(const SecurityProcessor& processor,
                                                const std::vector<std::uint64_t>& revoked,
                                                const http::Request& request);

// Serves on a thread of its own as long as it lives.
class KeyDistribution {
 public:
  // ErrorKind::usage for an address beyond loopback, ErrorKind::io where nothing can listen there.
  [[nodiscard]] static Result<std::unique_ptr<KeyDistribution>> start(
      std::shared_ptr<const SecurityProcessor> processor, KeyDistributionOptions options);
  ~KeyDistribution();
  KeyDistribution(const KeyDistribution&) = delete;
  KeyDistribution& operator=(const KeyDistribution&) = delete;

  // "http://127.0.0.1:40123"
  [[nodiscard]] const std::string& url() const;

 private:
  struct State;
  explicit KeyDistribution(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace blindbox::emulator
