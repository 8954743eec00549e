// SPDX-License-Identifier: Apache-2.0
// The three protocols in which completions are asked for, as pure functions: bytes to a request, an outcome to bytes.
// JSON goes out compact and on one line: clients match its raw text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/completion/engine.h"

namespace blindbox::completion {

enum class Protocol {
  llama_cpp,  // POST /infill
  openai,     // POST /v1/completions, with "suffix"
  original,   // POST /generate of the first BlindBox: {"input_text","max_new_tokens"} -> {"text"}
};

struct ApiRequest {
  Protocol protocol = Protocol::llama_cpp;
  Request request;
  bool stream = false;
  bool include_usage = false;                // openai: one more chunk with the token counts
  std::vector<std::string> response_fields;  // llama_cpp: only these of the last answer, e.g. "timings/prompt_n"
};

// Whatever is wrong with the body is ErrorKind::malformed and tells the field. Fields that we do not know are ignored.
[[nodiscard]] Result<ApiRequest> parse_infill(std::string_view json);
[[nodiscard]] Result<ApiRequest> parse_completions(std::string_view json);
[[nodiscard]] Result<ApiRequest> parse_generate(std::string_view json);

// What an answer tells beside the text.
struct AnswerAbout {
  const ModelInfo& model;
  const ApiRequest& asked;
  std::string id;            // openai
  std::int64_t created = 0;  // openai: seconds since 1970
};

// The whole answer to a request that did not ask for a stream.
[[nodiscard]] std::string full_answer(const AnswerAbout& about, std::string_view text, const Outcome& outcome);

// A stream: one event a piece, then what ends it. An error in its middle is an event too.
[[nodiscard]] std::string stream_piece(const AnswerAbout& about, std::string_view text);
[[nodiscard]] std::string stream_end(const AnswerAbout& about, std::string_view whole_text, const Outcome& outcome);
[[nodiscard]] std::string stream_error(const Error& error);

[[nodiscard]] std::string health_answer();
[[nodiscard]] std::string models_answer(const ModelInfo& model);

}  // namespace blindbox::completion
