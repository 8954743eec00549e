// SPDX-License-Identifier: Apache-2.0
// Another blindbox, as a process of its own: its standard output line by line, its standard error in a file.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"

namespace blindbox::apps {

class Child {
 public:
  // arguments without the program's name; log is appended to.
  [[nodiscard]] static Result<Child> start(const std::vector<std::string>& arguments, const std::string& log);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  // Asks it to end, and insists after a while.
  ~Child();

  // The next line without its end; an error when the output ends or nothing comes within the limit.
  [[nodiscard]] Result<std::string> read_line(std::chrono::milliseconds limit);
  // Lines up to and with the first that begins with prefix; the rest of that line. The others go to lines.
  [[nodiscard]] Result<std::string> wait_for(const std::string& prefix, std::chrono::milliseconds limit,
                                             std::vector<std::string>* lines = nullptr);
  // SIGTERM, then what it still prints; its exit status.
  [[nodiscard]] int stop(std::vector<std::string>* lines = nullptr);

 private:
  Child() = default;
  pid_t pid_ = -1;
  base::Fd output_;
  std::string buffer_;
  std::string name_;
};

}  // namespace blindbox::apps
