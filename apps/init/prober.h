// SPDX-License-Identifier: Apache-2.0
// The escape attempts, once: in a sandbox built like the application's, under a process that reports and ends.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/fd.h"
#include "blindbox/probe/probe.h"
#include "blindbox/sandbox/sandbox.h"

namespace blindbox::init {

[[nodiscard]] probe::Nonce random_nonce();
[[nodiscard]] std::optional<probe::Nonce> parse_nonce(const std::string& hex);

class Prober {
 public:
  // settings: the application's, as it was started; steps: what was granted to it, so that only quotas are tried that
  // something enforces. Returns at once.
  [[nodiscard]] static Result<Prober> start(sandbox::Settings settings, const std::vector<sandbox::Step>& steps,
                                            const probe::Nonce& nonce, std::uint16_t tls_port);
  Prober(Prober&& other) noexcept;
  Prober& operator=(Prober&&) = delete;
  // Ends what still runs.
  ~Prober();

  // Readable when there is something to read().
  [[nodiscard]] int output() const { return output_.get(); }
  // False at the end, when finish() is due.
  [[nodiscard]] bool read();
  // The report; its nonce is the one that was given.
  [[nodiscard]] Result<probe::Report> finish() const;

 private:
  Prober() = default;
  pid_t pid_ = -1;
  base::Fd output_;
  std::string text_;
  probe::Nonce nonce_{};
};

}  // namespace blindbox::init
