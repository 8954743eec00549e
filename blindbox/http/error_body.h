// SPDX-License-Identifier: Apache-2.0
// An error in the protocol of whoever asked, told by the path of the request.
#pragma once

#include <string>
#include <string_view>

#include "blindbox/base/error.h"
#include "blindbox/http/handler.h"

namespace blindbox::http {

// {"error":{"code","message","type"}} as llama.cpp and OpenAI answer; {"error","error_type"} at TGI's paths, with the
// original's "detail" at /generate, which both share; {"error"} at Ollama's. The message joins what, detail and hint. What
// passes (429, 503) says when to come again: in two seconds.
[[nodiscard]] Response error_response(std::string_view target, unsigned status, std::string_view type,
                                      const Error& error);

// The status for an error met while reading a request: 400, 408, 413, 431, ...
[[nodiscard]] unsigned status_for(const Error& error);

}  // namespace blindbox::http
