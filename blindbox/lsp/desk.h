// SPDX-License-Identifier: Apache-2.0
// Holes that wait to be filled: one for each document, the latest. An earlier one is given up, and its work is stopped
// unless what was typed since agrees with it.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "blindbox/infill/infill.h"
#include "blindbox/lsp/context.h"
#include "blindbox/lsp/message.h"
#include "blindbox/lsp/settings.h"
#include "blindbox/lsp/suggestion.h"
#include "blindbox/lsp/text.h"
#include "blindbox/net/stream.h"

namespace blindbox::lsp {

// A stream to whoever fills holes, and what it came through where that is known already.
struct Line {
  std::unique_ptr<net::Stream> stream;
  std::string host;
  std::string verdict{};
};
using Open = std::function<net::Task<Result<Line>>()>;

struct Wanted {
  nlohmann::json id;
  std::string uri;
  std::string before;  // the whole text up to the cursor, and from there on
  std::string after;
  Position position;
  bool automatic = false;
  bool classic = false;  // textDocument/completion
  // textDocument/inlineCompletion's selectedCompletionInfo: the text that before ends with, and what it would replace.
  std::string selected{};
  std::optional<std::pair<Position, Position>> replaced{};
};

// Called on the executor, once for each Wanted, and told of every exchange with the server.
struct Callbacks {
  std::function<void(const Wanted& wanted, const std::string& text)> answer;
  std::function<void(const Wanted& wanted, Code why)> give_up;
  std::function<void(const Result<infill::Filled>& outcome)> heard;
  std::function<std::vector<infill::Extra>(const std::string& uri)> neighbours;
};

class Desk {
 public:
  Desk(net::Executor executor, Open open, Callbacks callbacks);
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  // Gives everything up without a word.
  ~Desk();

  void set(const Settings& settings);
  void want(Wanted wanted);
  // The request of that id, if it still waits.
  void cancel(const nlohmann::json& id);
  // The document was closed.
  void forget(const std::string& uri);
  void forget_all();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace blindbox::lsp
