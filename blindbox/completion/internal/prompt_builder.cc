// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/prompt_builder.h"

#include <llama.h>

#include <algorithm>

#include "blindbox/base/bytes.h"
#include "blindbox/completion/internal/llama_handles.h"

namespace blindbox::completion {
namespace {

constexpr std::size_t kMaxChat = std::size_t{64} << 20;

Result<void> check_text(const Request& request) {
  bool valid = base::is_utf8(request.prefix) && (!request.suffix || base::is_utf8(*request.suffix));
  for (const ChatMessage& message : request.chat) valid = valid && base::is_utf8(message.content);
  for (const ExtraFile& file : request.extra) valid = valid && base::is_utf8(file.filename) && base::is_utf8(file.text);
  if (!valid || !base::is_utf8(request.repository)) {
    return base::fail(ErrorKind::malformed, "the prompt is not valid UTF-8");
  }
  return {};
}

// The last tokens alone, where there are more of them than the request keeps.
Prompt last_of(Tokens tokens, unsigned keep) {
  const bool cut = keep > 0 && tokens.size() > keep;
  if (cut) tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(keep));
  return {std::move(tokens), cut};
}

}  // namespace

PromptBuilder::PromptBuilder(const llama_model* model, const ModelInfo& info, const Gguf& gguf)
    : model_(model),
      vocab_(llama_model_get_vocab(model)),
      name_(info.name),
      context_(info.context_length),
      fim_(info.fim) {
  if (llama_vocab_get_add_bos(vocab_)) bos_ = llama_vocab_bos(vocab_);
  const std::uint64_t start = gguf.number("tokenizer.ggml.bos_token_id", gguf.tokens.size());
  if (start < gguf.tokens.size()) start_ = static_cast<Token>(start);
  for (const std::string& token : gguf.tokens) longest_token_ = std::max(longest_token_, token.size());
}

Result<Prompt> PromptBuilder::build(const Request& request) const {
  if (auto valid = check_text(request); !valid) return base::pass_on(valid);
  if (!request.chat.empty()) return chat(request);
  return request.suffix ? hole(request) : plain(request);
}

Result<Prompt> PromptBuilder::hole(const Request& request) const {
  if (!fim_) {
    return base::fail(ErrorKind::model, "this model cannot fill in the middle",
                      name_ + " has no fill-in-the-middle tokens", "send the text before the cursor alone");
  }
  FimRequest fim;
  fim.prefix = request.prefix;
  fim.suffix = *request.suffix;
  fim.budget = context_ - std::min<std::size_t>(request.max_tokens, context_ / 2);
  fim.bos = bos_;
  fim.extra = request.extra;
  fim.repository = request.repository;
  fim.filename = request.filename;
  fim.tokenize_inside = [this](std::string_view text) { return tokenize_text(vocab_, text, true); };
  auto prompt = build_fim_prompt(*fim_, fim, [this](std::string_view text) { return tokenize_text(vocab_, text); });
  if (!prompt) return base::pass_on(prompt);
  return Prompt{std::move(prompt->tokens), prompt->truncated};
}

Result<Prompt> PromptBuilder::chat(const Request& request) const {
  std::size_t bytes = 0;
  for (const ChatMessage& message : request.chat) bytes += message.content.size();
  if (bytes / longest_token_ > context_) return too_long(bytes / longest_token_, "at least ");
  const ChatTokenize tokenize{[this](std::string_view text) { return tokenize_markup(vocab_, text); },
                              [this](std::string_view text) { return tokenize_text(vocab_, text); }};
  auto tokens = build_chat_prompt(
      request.chat, [this](const std::vector<ChatMessage>& messages) { return chat_text(messages); }, tokenize);
  if (!tokens) return base::pass_on(tokens);
  if (bos_ && (tokens->empty() || tokens->front() != *bos_)) tokens->insert(tokens->begin(), *bos_);
  if (tokens->empty()) return base::fail(ErrorKind::malformed, "the messages are empty");
  if (tokens->size() > context_) return too_long(tokens->size(), "");
  return Prompt{std::move(*tokens), false};
}

Result<Prompt> PromptBuilder::plain(const Request& request) const {
  if (!request.prompt_tokens.empty()) {
    const Tokens& given = request.prompt_tokens;
    const Token count = llama_vocab_n_tokens(vocab_);
    if (std::any_of(given.begin(), given.end(), [count](Token id) { return id < 0 || id >= count; })) {
      return base::fail(ErrorKind::malformed, "the prompt has a token that the model's vocabulary has not");
    }
    Prompt prompt = last_of(given, request.keep_tokens);
    if (prompt.tokens.size() > context_) return too_long(prompt.tokens.size(), "");
    return prompt;
  }
  // So long that even the longest tokens cannot make it fit: not worth the time to tokenise it.
  std::string_view text = request.prefix;
  if (const std::size_t most = request.keep_tokens * longest_token_; most > 0 && text.size() > most) {
    text.remove_prefix(text.size() - most);
    while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80) text.remove_prefix(1);
  }
  const std::size_t least = text.size() / longest_token_;
  if (least > context_) return too_long(least, "at least ");
  auto tokens = tokenize_text(vocab_, text);
  if (!tokens) return base::pass_on(tokens);
  Prompt prompt = last_of(std::move(*tokens), request.keep_tokens);
  prompt.truncated = prompt.truncated || text.size() < request.prefix.size();
  if (bos_) prompt.tokens.insert(prompt.tokens.begin(), *bos_);
  if (prompt.tokens.empty() && start_) prompt.tokens.push_back(*start_);
  if (prompt.tokens.empty()) return base::fail(ErrorKind::malformed, "the prompt is empty");
  if (prompt.tokens.size() > context_) return too_long(prompt.tokens.size(), "");
  return prompt;
}

tl::unexpected<Error> PromptBuilder::too_long(std::size_t tokens, const char* at_least) const {
  return base::fail(ErrorKind::limit, "the prompt is longer than the model's context",
                    at_least + std::to_string(tokens) + " tokens, the context has " + std::to_string(context_));
}

Result<Tokens> PromptBuilder::tokenize(std::string_view text, bool special, bool add_bos) const {
  if (!base::is_utf8(text)) return base::fail(ErrorKind::malformed, "the text is not valid UTF-8");
  auto tokens = special ? tokenize_markup(vocab_, text) : tokenize_text(vocab_, text);
  if (tokens && add_bos && bos_) tokens->insert(tokens->begin(), *bos_);
  return tokens;
}

Result<std::string> PromptBuilder::detokenize(const Tokens& tokens) const {
  const Token count = llama_vocab_n_tokens(vocab_);
  std::string text;
  for (const Token token : tokens) {
    if (token < 0 || token >= count) {
      return base::fail(ErrorKind::malformed, "there is no token " + std::to_string(token),
                        "the vocabulary has " + std::to_string(count));
    }
    text += token_bytes(vocab_, token, true);
  }
  return text;
}

Result<std::string> PromptBuilder::chat_text(const std::vector<ChatMessage>& messages) const {
  const char* const chat_template = llama_model_chat_template(model_, nullptr);
  if (chat_template == nullptr) {
    return base::fail(ErrorKind::model, "this model cannot answer messages", name_ + " has no chat template",
                      "load an instruction model, or ask for a completion");
  }
  std::vector<llama_chat_message> list;
  const std::string system(default_system_message(chat_template));
  std::size_t size = 4096 + 2 * system.size();
  if (!system.empty() && !messages.empty() && messages.front().role != "system") {
    list.push_back({"system", system.c_str()});
  }
  for (const ChatMessage& message : messages) {
    list.push_back({message.role.c_str(), message.content.c_str()});
    size += 2 * (message.role.size() + message.content.size()) + 256;
  }
  if (size > kMaxChat) return base::fail(ErrorKind::limit, "the messages are too long");
  std::string out(size, '\0');
  try {
    const std::int32_t length = llama_chat_apply_template(chat_template, list.data(), list.size(), true, out.data(),
                                                          static_cast<std::int32_t>(out.size()));
    if (length >= 0 && static_cast<std::size_t>(length) <= out.size()) {
      out.resize(static_cast<std::size_t>(length));
      return out;
    }
  } catch (const std::exception&) {  // told below
  }
  return base::fail(ErrorKind::model, "this model cannot answer messages",
                    "the chat template of " + name_ + " is none of those that llama.cpp knows");
}

}  // namespace blindbox::completion
