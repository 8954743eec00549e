// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/chat_prompt.h"

#include <algorithm>

namespace blindbox::completion {
namespace {

void append(Tokens& to, const Tokens& more) { to.insert(to.end(), more.begin(), more.end()); }

constexpr std::string_view kSystem = "<|im_start|>system";
constexpr std::string_view kEnd = "<|im_end|>";

// What stands between the markers of a literal in the template: plain text, for nothing here runs what else may stand
// there. Its first line break may be an escape of two characters.
std::string_view literal_message(std::string_view after_marker) {
  std::string_view text = after_marker.substr(0, after_marker.find(kEnd));
  if (text.size() == after_marker.size()) return {};  // no end
  if (text.starts_with("\\n")) {
    text.remove_prefix(2);
  } else if (text.starts_with('\n')) {
    text.remove_prefix(1);
  } else {
    return {};
  }
  return text.find_first_of("'\"{}\\<") == std::string_view::npos ? text : std::string_view();
}

}  // namespace

std::string_view default_system_message(std::string_view chat_template) {
  std::string_view found;
  for (std::size_t at = chat_template.find(kSystem); at != std::string_view::npos;
       at = chat_template.find(kSystem, at + 1)) {
    const std::string_view text = literal_message(chat_template.substr(at + kSystem.size()));
    if (!found.empty() && !text.empty() && text != found) return {};
    if (!text.empty()) found = text;
  }
  return found;
}

Result<Tokens> build_chat_prompt(const std::vector<ChatMessage>& messages, const RenderChat& render,
                                 const ChatTokenize& tokenize) {
  // Fresh for each prompt, so that no message can hold one; letters and digits, which no template trims or escapes.
  const std::string nonce = "m" + base::to_hex(base::random_bytes(16));
  std::vector<ChatMessage> stand_ins;
  stand_ins.reserve(messages.size());
  for (const ChatMessage& message : messages) {
    // Hexadecimal and of one width: no stand-in is the beginning of another.
    std::string index = std::to_string(stand_ins.size());
    index.insert(0, 8 - std::min<std::size_t>(index.size(), 8), '0');
    stand_ins.push_back({message.role, nonce + index});
  }
  auto rendered = render(stand_ins);
  if (!rendered) return base::pass_on(rendered);

  Tokens out;
  const std::string_view all = *rendered;
  std::size_t from = 0;
  while (from < all.size()) {
    const std::size_t at = std::min(all.find(nonce, from), all.size());
    if (at > from) {
      auto markup = tokenize.markup(all.substr(from, at - from));
      if (!markup) return markup;
      append(out, *markup);
    }
    if (at == all.size()) break;
    const std::string_view index = all.substr(at + nonce.size(), 8);
    const auto which = std::find_if(stand_ins.begin(), stand_ins.end(),
                                    [&](const ChatMessage& m) { return m.content.ends_with(index); });
    if (index.size() != 8 || which == stand_ins.end()) {
      return base::fail(ErrorKind::model, "the model's chat template changes the text of messages");
    }
    auto text = tokenize.text(messages[static_cast<std::size_t>(which - stand_ins.begin())].content);
    if (!text) return text;
    append(out, *text);
    from = at + nonce.size() + index.size();
  }
  return out;
}

}  // namespace blindbox::completion
