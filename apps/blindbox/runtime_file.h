// SPDX-License-Identifier: Apache-2.0
// How "blindbox status" finds the proxies of this user: each has a small file in XDG_RUNTIME_DIR, and a lock on it as long
// as it runs, so that what a killed one leaves behind is told from a running one.
#pragma once

#include <string>
#include <vector>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"

namespace blindbox::apps {

struct Running {
  int pid = 0;
  std::string listen;  // "127.0.0.1:8765" or "unix:/path"
};

class RuntimeFile {
 public:
  [[nodiscard]] static Result<RuntimeFile> make(const Running& running);
  RuntimeFile(RuntimeFile&& other) noexcept = default;
  RuntimeFile& operator=(RuntimeFile&&) = delete;
  ~RuntimeFile();

 private:
  RuntimeFile(std::string path, base::Fd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  base::Fd file_;
};

// The proxies that run, in the order of their processes; removes what killed ones have left.
[[nodiscard]] std::vector<Running> running_proxies();

}  // namespace blindbox::apps
