// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/engine.h"

#include <llama.h>

#include <algorithm>
#include <filesystem>

#include "blindbox/completion/gguf.h"
#include "blindbox/completion/internal/llama_handles.h"
#include "blindbox/completion/internal/runner.h"
#include "blindbox/completion/model_file.h"

namespace blindbox::completion {
namespace {

constexpr unsigned kDefaultContext = 8192;  // a larger one costs memory that nobody asked for

std::string name_of(const Gguf& gguf, const std::string& path) {
  std::string name(gguf.text("general.name"));
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (name.empty() || name.size() > 100 || !plain) name = std::filesystem::path(path).stem().string();
  return name;
}

ModelInfo describe(const Gguf& gguf, const ModelFile& file, const ModelSource& source) {
  ModelInfo info;
  info.name = name_of(gguf, source.path);
  info.architecture = gguf.architecture;
  info.trained_context_length = static_cast<unsigned>(gguf.number(gguf.architecture + ".context_length", 0));
  info.context_length = std::min(info.trained_context_length, source.context != 0 ? source.context : kDefaultContext);
  info.vocabulary = static_cast<unsigned>(gguf.tokens.size());
  info.file_bytes = file.bytes().size();
  info.sha256 = base::to_hex(file.digest());
  info.tokenizer_sha256 = base::to_hex(gguf.tokenizer_sha256);
  info.fim = find_fim_tokens(gguf);
  return info;
}

Result<ModelFile> open_model(const ModelSource& source) {
  if (source.sealed_memory < 0) return ModelFile::open(source.path, source.expected_sha256);
  base::Fd memory(source.sealed_memory);
  if (!source.expected_sha256) return base::fail(ErrorKind::internal, "sealed memory comes with its digest");
  return ModelFile::adopt(std::move(memory), *source.expected_sha256);
}

}  // namespace

class Engine::State {
 public:
  State(ModelInfo info, Llama llama, unsigned batch, const Gguf& gguf)
      : info_(std::move(info)), runner_(std::move(llama), info_.fim, {batch, info_.context_length}) {
    info_.parameters = llama_model_n_params(runner_.llama().model.get());
    const llama_vocab* vocab = runner_.llama().vocab;
    if (llama_vocab_get_add_bos(vocab)) bos_ = llama_vocab_bos(vocab);
    const std::uint64_t start = gguf.number("tokenizer.ggml.bos_token_id", gguf.tokens.size());
    if (start < gguf.tokens.size()) start_ = static_cast<Token>(start);
    for (const std::string& token : gguf.tokens) longest_token_ = std::max(longest_token_, token.size());
  }

  [[nodiscard]] const ModelInfo& info() const { return info_; }

  Result<Outcome> generate(const Request& request, Listener& listener, const std::stop_token& stop) {
    if (!base::is_utf8(request.prefix) || (request.suffix && !base::is_utf8(*request.suffix))) {
      return base::fail(ErrorKind::malformed, "the prompt is not valid UTF-8");
    }
    bool truncated = false;
    auto prompt = request.suffix ? hole(request, truncated) : plain(request);
    if (!prompt) return base::pass_on(prompt);
    auto outcome = runner_.run(*prompt, request, listener, stop);
    if (outcome) outcome->truncated = truncated;
    return outcome;
  }

 private:
  Result<Tokens> hole(const Request& request, bool& truncated) const {
    if (!info_.fim) {
      return base::fail(ErrorKind::model, "this model cannot fill in the middle",
                        info_.name + " has no fill-in-the-middle tokens", "send the text before the cursor alone");
    }
    FimRequest fim;
    fim.prefix = request.prefix;
    fim.suffix = *request.suffix;
    fim.budget = info_.context_length - std::min(request.max_tokens, info_.context_length / 2);
    fim.bos = bos_;
    auto prompt = build_fim_prompt(
        *info_.fim, fim, [this](std::string_view text) { return tokenize_text(runner_.llama().vocab, text); });
    if (!prompt) return base::pass_on(prompt);
    truncated = prompt->truncated;
    return std::move(prompt->tokens);
  }

  Result<Tokens> plain(const Request& request) const {
    // So long that even the longest tokens cannot make it fit: not worth the time to tokenise it.
    const std::size_t least = request.prefix.size() / longest_token_;
    if (least > info_.context_length) return too_long(least, "at least ");
    auto tokens = tokenize_text(runner_.llama().vocab, request.prefix);
    if (!tokens) return tokens;
    if (bos_) tokens->insert(tokens->begin(), *bos_);
    if (tokens->empty() && start_) tokens->push_back(*start_);
    if (tokens->empty()) return base::fail(ErrorKind::malformed, "the prompt is empty");
    if (tokens->size() > info_.context_length) return too_long(tokens->size(), "");
    return tokens;
  }

  [[nodiscard]] tl::unexpected<Error> too_long(std::size_t tokens, const char* at_least) const {
    return base::fail(
        ErrorKind::limit, "the prompt is longer than the model's context",
        at_least + std::to_string(tokens) + " tokens, the context has " + std::to_string(info_.context_length));
  }

  ModelInfo info_;
  Runner runner_;
  std::optional<Token> bos_;    // stands before every prompt
  std::optional<Token> start_;  // stands in for an empty one
  std::size_t longest_token_ = 1;
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::load(const ModelSource& source) {
  auto file = open_model(source);
  if (!file) return base::pass_on(file);
  auto gguf = read_gguf(file->bytes());
  if (!gguf) return base::pass_on(gguf);
  ModelInfo info = describe(*gguf, *file, source);
  auto llama = load_llama(*file, source, info.context_length);
  if (!llama) return base::pass_on(llama);
  auto state = std::make_unique<State>(std::move(info), std::move(*llama), std::clamp(source.batch, 1U, 2048U), *gguf);
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

const ModelInfo& Engine::info() const { return state_->info(); }

Result<Outcome> Engine::generate(const Request& request, Listener& listener, std::stop_token stop) {
  return state_->generate(request, listener, stop);
}

}  // namespace blindbox::completion
