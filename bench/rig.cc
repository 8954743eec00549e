// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "blindbox/evidence/manifest.h"
#include "measure.h"

namespace blindbox::bench {
namespace {

evidence::ServiceManifest the_manifest() {
  evidence::ServiceManifest manifest;
  manifest.isolation.posture = "none";
  manifest.model = {"bench", base::sha256(base::view("weights")), base::sha256(base::view("tokenizer"))};
  manifest.padding = {attested_tls::kRecordBlock, "record-block"};
  manifest.software.version = "0.0.0";
  return manifest;
}

}  // namespace

Bytes manifest() { return base::to_bytes(base::view(evidence::encode_manifest(the_manifest()))); }

policy::Policy policy_for(const Device& device) {
  policy::Policy policy;
  policy.sev_snp.products[device.guest().product] = {};
  policy.sev_snp.measurements = {{emulator::measurement_of(device.guest())}};
  policy.manifest.model_sha256 = {{the_manifest().model.sha256}};
  const Bytes root = take(base::from_hex(device.processor().fingerprint()));
  std::copy(root.begin(), root.end(), policy.unsafe.trust_emulator.emplace().ark_spki_sha256.begin());
  return policy;
}

void Loop::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Loop::finish(const std::function<void()>& last) {
  if (!thread_.joinable()) return;
  net::asio::post(loop_, [this, &last] {
    last();
    loop_.stop();
  });
  thread_.join();
  // Connections whose sockets are closed end in the next turns.
  loop_.restart();
  while (loop_.poll_one() > 0) {
  }
}

}  // namespace blindbox::bench
