// SPDX-License-Identifier: Apache-2.0
// The one request type behind all protocols, and how its answer is written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/api/stop_rules.h"
#include "blindbox/completion/engine.h"

namespace blindbox::api {

// A token as some protocols tell it. text is what it contributes when written out alone: bytes, perhaps half a character.
struct SaidToken {
  completion::Token id = -1;
  float log_probability = 0;
  std::vector<completion::TokenProbability> likeliest;  // only where Request::top_log_probabilities asks
  std::string text;                                     // only where Call::token_texts asks
  std::vector<std::string> likeliest_texts;             // alike
};

// What came of one request of a call.
struct Said {
  std::string text;
  std::vector<SaidToken> tokens;  // those of the text; the last ones may reach beyond it where something cut it
  completion::Outcome outcome;
  std::string rule;  // the stop rule that ended it, "" for none
};

struct Call;

// What every answer tells beside the text.
struct About {
  const completion::ModelInfo& model;
  const Call& call;
  std::string id;            // random, without a prefix
  std::int64_t created = 0;  // seconds since 1970
};

// A piece of a stream.
struct Piece {
  std::size_t index = 0;  // of the request in Call::requests
  std::string_view text;
  const std::vector<SaidToken>& tokens;  // that contributed since the piece before
  std::size_t said = 0;                  // tokens of this request so far
  std::size_t prompt = 0;                // tokens of its prompt
};

// How one protocol writes what was said. JSON goes out compact and on one line: clients match its raw text.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  // The whole answer; one Said for each request of the call.
  [[nodiscard]] virtual std::string whole(const About& about, const std::vector<Said>& said) const = 0;

  [[nodiscard]] virtual const char* stream_type() const { return "text/event-stream"; }
  // Calls of these are serialised. An answer that cannot be streamed is never asked to.
  [[nodiscard]] virtual std::string begin(const About&) { return {}; }
  [[nodiscard]] virtual std::string piece(const About& about, const Piece& piece) = 0;
  // A request of the call is through; end() follows behind all of them.
  [[nodiscard]] virtual std::string choice_end(const About& about, std::size_t index, const Said& said) = 0;
  [[nodiscard]] virtual std::string end(const About&, const std::vector<Said>&) { return {}; }
};

struct Call {
  std::vector<completion::Request> requests;  // not empty; their answers are told apart by their index
  unsigned copies = 1;                        // of each prompt among them, side by side
  bool stream = false;
  bool token_texts = false;  // SaidToken::text is wanted
  StopRules rules;           // none: the text ends where the model or the limits end it
  std::unique_ptr<Writer> writer;
};

}  // namespace blindbox::api
