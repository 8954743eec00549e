// SPDX-License-Identifier: Apache-2.0
// What a person is told, once each: that a server is refused and why, that it is an emulator, that all is well again.
#pragma once

#include <functional>
#include <string>

#include "blindbox/infill/infill.h"

namespace blindbox::lsp {

// LSP 3.18, "MessageType".
enum class MessageType { error = 1, warning = 2, info = 3, log = 4 };

class Notices {
 public:
  using Show = std::function<void(MessageType type, const std::string& text)>;
  // server: who was asked, as a person would name it.
  Notices(std::string server, Show show) : server_(std::move(server)), show_(std::move(show)) {}

  // Of every exchange. A failure is told when it is another one than before.
  void heard(const Result<infill::Filled>& outcome);

 private:
  void tell_verdict(const infill::Filled& filled);
  std::string server_;
  Show show_;
  std::string failure_;
  std::string verdict_ = "none heard yet";
};

}  // namespace blindbox::lsp
