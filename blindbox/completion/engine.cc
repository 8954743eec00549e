// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/engine.h"

#include <llama.h>

#include <algorithm>
#include <filesystem>

#include "blindbox/completion/gguf.h"
#include "blindbox/completion/internal/calibration.h"
#include "blindbox/completion/internal/llama_handles.h"
#include "blindbox/completion/internal/prompt_builder.h"
#include "blindbox/completion/internal/scheduler.h"
#include "blindbox/completion/model_file.h"

namespace blindbox::completion {
namespace {

constexpr unsigned kDefaultContext = 8192;  // a larger one costs memory that nobody asked for
constexpr unsigned kMaxSlots = 64;

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

unsigned batch_of(const ModelSource& source) { return std::clamp(source.batch, 1U, 2048U); }

// Of one token's keys and values, in 16 bits.
std::uint64_t bytes_per_token(const Gguf& gguf) {
  const std::string prefix = gguf.architecture + ".";
  const std::uint64_t heads = gguf.number(prefix + "attention.head_count", 1);
  const std::uint64_t head = gguf.number(prefix + "embedding_length", 0) / heads;
  const std::uint64_t width =
      gguf.number(prefix + "attention.key_length", head) + gguf.number(prefix + "attention.value_length", head);
  return 2 * width * gguf.number(prefix + "attention.head_count_kv", heads) * gguf.number(prefix + "block_count", 1);
}

// As many contexts as may run at once, where the memory is enough; one in any case.
ContextSize size_of(const Gguf& gguf, const ModelSource& source, unsigned context) {
  const unsigned slots = std::clamp(source.slots, 1U, kMaxSlots);
  const std::uint64_t affordable = source.cache_bytes / std::max<std::uint64_t>(bytes_per_token(gguf), 1);
  const std::uint64_t cells = std::clamp<std::uint64_t>(affordable, context, std::uint64_t{slots} * context);
  // Guesses ahead of a few tokens come on top of what each request computes.
  return {static_cast<unsigned>(cells), slots, batch_of(source) + 4 * slots, 4 * slots};
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
  State(ModelInfo info, Llama llama, const Calibration& measured, const ModelSource& source, const Gguf& gguf)
      : info_(std::move(info)),
        prompts_(llama.model.get(), info_, gguf),
        scheduler_(
            std::move(llama), measured.pace, measured.bytes_per_cell,
            {std::clamp(source.slots, 1U, kMaxSlots), source.waiting, batch_of(source), info_.context_length,
             source.stall, source.forget_after, source.prompt_lookup.value_or(measured.lookup_pays), info_.fim}) {}

  [[nodiscard]] const ModelInfo& info() const { return info_; }
  [[nodiscard]] const PromptBuilder& prompts() const { return prompts_; }
  [[nodiscard]] Scheduler& scheduler() { return scheduler_; }

 private:
  ModelInfo info_;
  PromptBuilder prompts_;
  Scheduler scheduler_;
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::load(const ModelSource& source) {
  auto file = open_model(source);
  if (!file) return base::pass_on(file);
  auto gguf = read_gguf(file->bytes());
  if (!gguf) return base::pass_on(gguf);
  ModelInfo info = describe(*gguf, *file, source);
  auto llama = load_llama(*file, source, size_of(*gguf, source, info.context_length));
  if (!llama) return base::pass_on(llama);
  auto measured = calibrate(*llama, batch_of(source));
  if (!measured) return base::pass_on(measured);
  info.parameters = llama_model_n_params(llama->model.get());
  auto state = std::make_unique<State>(std::move(info), std::move(*llama), *measured, source, *gguf);
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

const ModelInfo& Engine::info() const { return state_->info(); }

Result<Outcome> Engine::generate(const Request& request, Listener& listener, std::stop_token stop) {
  auto prompt = state_->prompts().build(request);
  if (!prompt) return base::pass_on(prompt);
  auto outcome = state_->scheduler().run(request, std::move(prompt->tokens), listener, stop);
  if (outcome) outcome->truncated = prompt->truncated;
  return outcome;
}

Result<Tokens> Engine::tokenize(std::string_view text, bool special, bool add_bos) const {
  return state_->prompts().tokenize(text, special, add_bos);
}

Result<std::string> Engine::detokenize(const Tokens& tokens) const { return state_->prompts().detokenize(tokens); }

Result<std::string> Engine::chat_text(const std::vector<ChatMessage>& messages) const {
  return state_->prompts().chat_text(messages);
}

EngineStatus Engine::status() const { return state_->scheduler().status(); }

CacheUsage Engine::cache_usage(std::string_view tenant) const { return state_->scheduler().usage(tenant); }

void Engine::forget(std::string_view tenant) { state_->scheduler().forget(tenant); }

}  // namespace blindbox::completion
