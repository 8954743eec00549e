// SPDX-License-Identifier: Apache-2.0
// An error in the protocol of whoever asked. Some clients read the status, some the body alone (llm-ls): both say it.
#pragma once

#include <string>

#include "blindbox/base/error.h"
#include "blindbox/http/handler.h"

namespace blindbox::api {

enum class Shape {
  openai,    // {"error":{"code","message","type"}}: OpenAI, llama.cpp, Tabby
  tgi,       // {"error","error_type"}
  generate,  // TGI's with "detail" beside it: /generate is the first BlindBox's path too
  ollama,    // {"error"}
};

struct Failure {
  unsigned status = 500;
  const char* type = "server_error";  // OpenAI's and llama.cpp's word
  Error error;
  unsigned retry_after = 0;  // seconds; 0: the header is left out
};

[[nodiscard]] Failure failure_of(Error error, Shape shape);

[[nodiscard]] http::Response refusal(const Failure& failure, Shape shape);

// In the middle of a stream, where the status is out already.
[[nodiscard]] std::string stream_error(const Failure& failure, Shape shape);

}  // namespace blindbox::api
