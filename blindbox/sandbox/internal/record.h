// SPDX-License-Identifier: Apache-2.0
// What the processes that make a sandbox tell its starter, over one SOCK_SEQPACKET descriptor: a message a step. The
// steps are also kept, through every fork, so that the last process knows which tier was reached before it runs anything.
#pragma once

#include <cerrno>
#include <optional>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"
#include "blindbox/sandbox/steps.h"

namespace blindbox::sandbox::internal {

// "unshare: operation not permitted", from errno.
[[nodiscard]] std::string failed(std::string_view call, int error = errno);

struct Message {
  enum class Kind : char {
    step = 'S',
    map_users = 'M',  // the starter answers with one of the same kind, whose text says why not, or is empty
    keeper = 'K',     // text: its process id
    listener = 'L',   // with a descriptor
    tier = 'T',       // text: the tier's number; execve comes next
    error = 'E',
  };
  Kind kind = Kind::step;
  std::string text;
  Step step;
  Error error;
  base::Fd descriptor;
};

// False when nobody is there any more.
bool send(int socket, const Message& message, int descriptor = -1);
// Nothing at the end, or when what came is no message.
[[nodiscard]] std::optional<Message> receive(int socket);

class Record {
 public:
  explicit Record(int socket) : socket_(socket) {}

  void granted(std::string_view name, std::string detail = {}) { add(name, Outcome::granted, std::move(detail)); }
  void denied(std::string_view name, std::string detail) { add(name, Outcome::denied, std::move(detail)); }
  void not_needed(std::string_view name, std::string detail) { add(name, Outcome::not_needed, std::move(detail)); }
  void settle(std::string_view name, const std::string& why_not, std::string detail = {});
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] bool has(std::string_view name) const { return sandbox::granted(steps_, name); }
  [[nodiscard]] int socket() const { return socket_; }
  // Tells the starter why nothing will run, and ends this process.
  [[noreturn]] void abandon(const Error& error) const;

 private:
  void add(std::string_view name, Outcome outcome, std::string detail);
  int socket_;
  std::vector<Step> steps_;
};

}  // namespace blindbox::sandbox::internal
