// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/engine.h"

#include <llama.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "blindbox/completion/gguf.h"
#include "blindbox/completion/internal/llama_handles.h"
#include "blindbox/completion/internal/prompt_builder.h"
#include "blindbox/completion/internal/runner.h"
#include "blindbox/completion/model_file.h"
#include "blindbox/completion/turns.h"

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
  State(ModelInfo info, Llama llama, const ModelSource& source, const Gguf& gguf)
      : info_(std::move(info)),
        prompts_(llama.model.get(), info_, gguf),
        runner_(std::move(llama), info_.fim, {std::clamp(source.batch, 1U, 2048U), info_.context_length}),
        turns_(source.waiting),
        waiting_(source.waiting) {
    info_.parameters = llama_model_n_params(runner_.llama().model.get());
  }

  [[nodiscard]] const ModelInfo& info() const { return info_; }
  [[nodiscard]] const PromptBuilder& prompts() const { return prompts_; }

  Result<Outcome> generate(const Request& request, Listener& listener, const std::stop_token& stop) {
    auto prompt = prompts_.build(request);
    if (!prompt) return base::pass_on(prompt);
    auto turn = turns_.wait(stop);
    if (!turn && turn.error().kind == ErrorKind::cancelled) {
      Outcome outcome;
      outcome.reason = StopReason::cancelled;
      return outcome;
    }
    if (!turn) return base::pass_on(turn);
    auto outcome = runner_.run(prompt->tokens, request, listener, stop);
    if (outcome) outcome->truncated = prompt->truncated;
    const std::scoped_lock lock(mutex_);
    ++total_.requests;
    if (outcome) {
      total_.prompt_tokens += outcome->prompt_tokens;
      total_.cached_tokens += outcome->cached_tokens;
      total_.generated_tokens += outcome->generated_tokens;
      total_.cancelled += outcome->reason == StopReason::cancelled ? 1U : 0U;
    }
    return outcome;
  }

  [[nodiscard]] EngineStatus status() const {
    const std::scoped_lock lock(mutex_);
    EngineStatus status = total_;
    const auto length = static_cast<unsigned>(turns_.length());
    status.slots = 1;
    status.busy = std::min(length, 1U);
    status.queued = length - status.busy;
    status.queue_limit = waiting_;
    return status;
  }

  void forget(const std::string& tenant) {
    if (const auto turn = turns_.wait({})) runner_.forget(tenant);
  }

 private:
  ModelInfo info_;
  PromptBuilder prompts_;
  Runner runner_;
  Turns turns_;
  unsigned waiting_;
  mutable std::mutex mutex_;
  EngineStatus total_;
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
  auto state = std::make_unique<State>(std::move(info), std::move(*llama), source, *gguf);
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

const ModelInfo& Engine::info() const { return state_->info(); }

Result<Outcome> Engine::generate(const Request& request, Listener& listener, std::stop_token stop) {
  return state_->generate(request, listener, stop);
}

Result<Tokens> Engine::tokenize(std::string_view text, bool special, bool add_bos) const {
  return state_->prompts().tokenize(text, special, add_bos);
}

Result<std::string> Engine::detokenize(const Tokens& tokens) const { return state_->prompts().detokenize(tokens); }

Result<std::string> Engine::chat_text(const std::vector<ChatMessage>& messages) const {
  return state_->prompts().chat_text(messages);
}

EngineStatus Engine::status() const { return state_->status(); }

CacheUsage Engine::cache_usage(std::string_view /*tenant*/) const { return {}; }

void Engine::forget(std::string_view tenant) { state_->forget(std::string(tenant)); }

}  // namespace blindbox::completion
