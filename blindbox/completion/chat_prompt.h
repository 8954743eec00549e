// SPDX-License-Identifier: Apache-2.0
// Messages in the template of the model, so that what somebody wrote never becomes one of the template's own markers.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/completion/fim_prompt.h"

namespace blindbox::completion {

struct ChatMessage {
  std::string role;  // system, user or assistant
  std::string content;
};

// The messages as the template writes them, with the beginning of the answer behind the last one.
using RenderChat = std::function<Result<std::string>(const std::vector<ChatMessage>&)>;

struct ChatTokenize {
  Tokenize markup;  // the template's own text: special tokens in it are meant
  Tokenize text;    // a message's: never
};

// The template is rendered over random stand-ins for the contents; only what stands between them is read as markup. A
// template that drops or repeats a message's content does so with the real one too.
[[nodiscard]] Result<Tokens> build_chat_prompt(const std::vector<ChatMessage>& messages, const RenderChat& render,
                                               const ChatTokenize& tokenize);

// The system message that a template of ChatML's form (Qwen2, SmolLM2) writes where the messages begin with none, without
// its markers; "" where it has no such text, or two. llama.cpp writes messages as the template would, and leaves this out.
[[nodiscard]] std::string_view default_system_message(std::string_view chat_template);

}  // namespace blindbox::completion
