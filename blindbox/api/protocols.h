// SPDX-License-Identifier: Apache-2.0
// The requests of each protocol, from the body of an HTTP request to a Call. Whatever is wrong with a body is
// ErrorKind::malformed and tells the field. Fields that we do not know are ignored.
#pragma once

#include <string_view>

#include "blindbox/api/call.h"

namespace blindbox::api {

struct ModelFacts {
  const completion::ModelInfo& info;
  bool chat = false;  // it has a template for messages
};

using Parse = Result<Call> (*)(std::string_view json, const ModelFacts& model);

// llama_cpp.cc: llama.cpp tools/server/README.md
[[nodiscard]] Result<Call> parse_infill(std::string_view json, const ModelFacts& model);
[[nodiscard]] Result<Call> parse_completion(std::string_view json, const ModelFacts& model);
// /completions is llama.cpp's; clients of OpenAI whose base has no /v1 come here too, and say "max_tokens".
[[nodiscard]] Result<Call> parse_bare_completions(std::string_view json, const ModelFacts& model);
// openai.cc, openai_chat.cc: OpenAI's API reference; with "segments" the body is Tabby's (tabby.cc)
[[nodiscard]] Result<Call> parse_completions(std::string_view json, const ModelFacts& model);
[[nodiscard]] Result<Call> parse_chat(std::string_view json, const ModelFacts& model);
[[nodiscard]] Result<Call> parse_fim(std::string_view json, const ModelFacts& model);
[[nodiscard]] Result<Call> parse_tabby(std::string_view json, const ModelFacts& model);
// tgi.cc: Hugging Face's OpenAPI document of text-generation-inference
[[nodiscard]] Result<Call> parse_tgi(std::string_view json, const ModelFacts& model);         // POST /
[[nodiscard]] Result<Call> parse_tgi_stream(std::string_view json, const ModelFacts& model);  // /generate_stream
// /generate is TGI's with "inputs" and the first BlindBox's with "input_text" (original.cc)
[[nodiscard]] Result<Call> parse_generate(std::string_view json, const ModelFacts& model);
[[nodiscard]] Result<Call> parse_original(std::string_view json, const ModelFacts& model);
// ollama.cc: ollama docs/api.md
[[nodiscard]] Result<Call> parse_ollama_generate(std::string_view json, const ModelFacts& model);
[[nodiscard]] Result<Call> parse_ollama_chat(std::string_view json, const ModelFacts& model);

}  // namespace blindbox::api
