// SPDX-License-Identifier: Apache-2.0
// The end of a streamed answer that broke off, in the protocol of whoever asked.
#pragma once

#include <string>
#include <string_view>

#include "blindbox/base/error.h"

namespace blindbox::http {

// What to write behind the last whole piece: an event with llama.cpp's and OpenAI's error object, TGI's flat one for its
// /generate_stream, Ollama's line of NDJSON. Empty for any other type of content: there a missing end has to tell.
[[nodiscard]] std::string stream_error(std::string_view target, std::string_view content_type, const Error& error);

}  // namespace blindbox::http
