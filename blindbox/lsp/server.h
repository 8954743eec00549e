// SPDX-License-Identifier: Apache-2.0
// The language server (LSP 3.18): messages in, messages out; no descriptor is seen from here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "blindbox/lsp/desk.h"

namespace blindbox::lsp {

struct ServerOptions {
  std::string version;
  std::string server;  // who is asked, as a person would name it
  Open open;
  Settings settings{};
  // Judges files by their path and the folder of the project that they are in ("" where they are in none): whether
  // anything of them may leave this machine. Absent: all may.
  std::function<bool(const std::string& path, const std::string& folder)> may_leave{};
};

class Server {
 public:
  // send hears every message for the editor, as one line of JSON.
  Server(const net::Executor& executor, ServerOptions options, std::function<void(std::string)> send);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // One message from the editor.
  void take(std::string_view content);
  // After the notification "exit": 0 where "shutdown" came before it, 1 otherwise (LSP 3.18, "Exit Notification").
  [[nodiscard]] std::optional<int> exit_status() const;
  // The status where the editor's end of the stream was closed instead.
  [[nodiscard]] int hang_up_status() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::optional<int> exit_status_;
};

}  // namespace blindbox::lsp
