// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/llama_handles.h"

#include <llama.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "blindbox/completion/internal/kv_memory.h"

namespace blindbox::completion {
namespace {

// llama.cpp has one log for the whole process.
std::mutex g_log_mutex;
std::string* g_last_error = nullptr;  // where to note an error; null outside load_llama()

void on_log(ggml_log_level level, const char* text, void* /*unused*/) {
  const std::scoped_lock lock(g_log_mutex);
  if (g_last_error == nullptr) return;
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == '.')) line.pop_back();
  if (line.empty()) return;
  spdlog::debug("llama.cpp: {}", line);
  // The first is the cause; those after it only say that loading failed.
  if (level == GGML_LOG_LEVEL_ERROR && g_last_error->empty()) *g_last_error = line;
}

class LogDuringLoad {
 public:
  explicit LogDuringLoad(std::string& error) {
    const std::scoped_lock lock(g_log_mutex);
    g_last_error = &error;
    llama_log_set(&on_log, nullptr);
  }
  LogDuringLoad(const LogDuringLoad&) = delete;
  LogDuringLoad& operator=(const LogDuringLoad&) = delete;
  ~LogDuringLoad() {
    const std::scoped_lock lock(g_log_mutex);
    g_last_error = nullptr;
  }
};

constexpr std::size_t kSmallModel = std::size_t{64} << 20;
constexpr std::size_t kMaxText = std::size_t{64} << 20;

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.substr(0, 300);
}

unsigned thread_count(unsigned wanted, std::size_t model_bytes) {
  const unsigned cores = std::max(std::thread::hardware_concurrency(), 1U);
  if (wanted != 0) return std::min(wanted, 4 * cores);
  // A step of a small model is over before a second thread has come: alone it makes thousands of tokens a second.
  if (model_bytes < kSmallModel) return 1;
  // A busy neighbour (TLS, the proxy) costs more than the core that ggml's barriers wait for.
  return std::max(cores - 1, 1U);
}

Result<Llama> load(const ModelFile& file, const ModelSource& source, const ContextSize& size, std::string& error) {
  const auto failed = [&error](const std::string& what) {
    return base::fail(ErrorKind::model, what, printable(error),
                      "where the file is whole, memory or threads have run out");
  };
  const int fd = ::dup(file.fd());
  std::FILE* raw = fd < 0 ? nullptr : ::fdopen(fd, "rb");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(raw, &std::fclose);
  if (!stream) return base::fail(ErrorKind::io, "cannot open the model's memory");
  std::rewind(stream.get());

  Llama llama;
  llama_model_params model_params = llama_model_default_params();
  // Copied, not mapped: repacked and plain weights then exist once, and in anonymous memory (huge pages).
  model_params.load_mode = LLAMA_LOAD_MODE_NONE;
  model_params.n_gpu_layers = 0;
  model_params.check_tensors = true;
  llama.model.reset(llama_model_load_from_file_ptr(stream.get(), model_params));
  if (!llama.model) return failed("the model file cannot be loaded");
  llama.vocab = llama_model_get_vocab(llama.model.get());

  const unsigned threads = thread_count(source.threads, file.bytes().size());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = size.cells;
  params.n_batch = params.n_ubatch = size.batch;
  params.n_outputs_max = size.outputs;
  params.n_seq_max = size.sequences;
  // One stream: a step holds tokens of any sequences, and sequences share the cells of a common beginning. Flash
  // attention passes over the cells of others and keeps a cell's values together, so that they can be wiped.
  params.kv_unified = true;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  params.n_threads = params.n_threads_batch = static_cast<std::int32_t>(threads);
  params.no_perf = true;
  llama.memory = std::make_unique<KvMemory>();
  llama.memory->watch(params);
  llama.context.reset(llama_init_from_model(llama.model.get(), params));
  if (!llama.context) return failed("the model's context cannot be made");
  llama.memory->attach(llama.context.get());

  ggml_threadpool_params pool = ggml_threadpool_params_default(static_cast<int>(threads));
  pool.poll = 0;  // sleep between steps instead of spinning beside the TLS threads
  llama.threads.reset(ggml_threadpool_new(&pool));
  if (!llama.threads) return failed("cannot start the engine's threads");
  llama_attach_threadpool(llama.context.get(), llama.threads.get(), nullptr);
  return llama;
}

// Tokens of the text with special parsing off. llama.cpp still honours "user defined" tokens, so a vocabulary that
// lists its markers as such would let source code speak as markup; those are taken apart below.
Result<Tokens> tokenize_once(const llama_vocab* vocab, std::string_view text, bool special = false) {
  Tokens tokens(text.size() + 2);
  const auto length = static_cast<std::int32_t>(text.size());
  const auto room = static_cast<std::int32_t>(tokens.size());
  const std::int32_t count = llama_tokenize(vocab, text.data(), length, tokens.data(), room, false, special);
  if (count < 0) return base::fail(ErrorKind::internal, "the text cannot be turned into tokens");
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

// Text that continues other text. SentencePiece's kind puts a blank before each text that it is given; behind a control
// character, which is spelt as a byte and merges with nothing, what follows is as it is.
Result<Tokens> tokenize_inside(const llama_vocab* vocab, std::string_view text) {
  if (llama_vocab_type(vocab) != LLAMA_VOCAB_TYPE_SPM) return tokenize_once(vocab, text);
  const std::string wall = "\x01";
  const auto before = tokenize_once(vocab, wall);
  auto tokens = tokenize_once(vocab, wall + std::string(text));
  if (!before || !tokens) return tokens;
  if (before->size() > tokens->size() || !std::equal(before->begin(), before->end(), tokens->begin())) {
    return tokenize_once(vocab, text);
  }
  tokens->erase(tokens->begin(), tokens->begin() + static_cast<std::ptrdiff_t>(before->size()));
  return tokens;
}

bool has(const llama_vocab* vocab, Token token, llama_token_attr attribute) {
  return (static_cast<unsigned>(llama_vocab_get_attr(vocab, token)) & static_cast<unsigned>(attribute)) != 0;
}

// Of any family: a file may call its own markers user defined, and llama.cpp knows not all of them by their text.
bool names_marker(std::string_view text) {
  const auto families = fim_families();
  return !text.empty() && std::any_of(families.begin(), families.end(), [text](const FimFamily& family) {
    return text == family.prefix || text == family.suffix || text == family.middle || text == family.file ||
           text == family.repository;
  });
}

bool is_marker(const llama_vocab* vocab, Token token) {
  const bool fim =
      token == llama_vocab_fim_pre(vocab) || token == llama_vocab_fim_suf(vocab) || token == llama_vocab_fim_mid(vocab);
  return fim || llama_vocab_is_eog(vocab, token) || has(vocab, token, LLAMA_TOKEN_ATTR_CONTROL) ||
         (has(vocab, token, LLAMA_TOKEN_ATTR_USER_DEFINED) && names_marker(llama_vocab_get_text(vocab, token)));
}

}  // namespace

void LlamaDeleter::operator()(llama_model* model) const { llama_model_free(model); }
void LlamaDeleter::operator()(llama_context* context) const { llama_free(context); }
void LlamaDeleter::operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
void LlamaDeleter::operator()(ggml_threadpool* pool) const { ggml_threadpool_free(pool); }

Llama::Llama() = default;
Llama::Llama(Llama&&) noexcept = default;
Llama& Llama::operator=(Llama&&) noexcept = default;
Llama::~Llama() = default;

Result<Llama> load_llama(const ModelFile& file, const ModelSource& source, const ContextSize& size) {
  std::string error;
  try {
    const LogDuringLoad log(error);
    llama_backend_init();
    return load(file, source, size, error);
  } catch (const std::exception& problem) {
    return base::fail(ErrorKind::model, "the model file cannot be loaded", printable(problem.what()));
  }
}

Result<Tokens> tokenize_markup(const llama_vocab* vocab, std::string_view text) {
  if (text.size() > kMaxText) return base::fail(ErrorKind::limit, "the text is too long");
  try {
    return tokenize_once(vocab, text, true);
  } catch (const std::exception&) {
    return base::fail(ErrorKind::internal, "the text cannot be turned into tokens");
  }
}

Result<Tokens> tokenize_text(const llama_vocab* vocab, std::string_view text, bool inside) {
  if (text.size() > kMaxText) return base::fail(ErrorKind::limit, "the text is too long");
  try {
    auto tokens = inside ? tokenize_inside(vocab, text) : tokenize_once(vocab, text);
    if (!tokens) return tokens;
    Tokens out;
    for (const Token token : *tokens) {
      if (!is_marker(vocab, token)) {
        out.push_back(token);
        continue;
      }
      // Character by character: no marker is as short as that.
      std::string_view rest(llama_vocab_get_text(vocab, token));
      while (!rest.empty()) {
        std::size_t length = 1;
        while (length < rest.size() && (static_cast<unsigned char>(rest[length]) & 0xC0U) == 0x80U) ++length;
        auto single = tokenize_inside(vocab, rest.substr(0, length));
        if (!single) return single;
        out.insert(out.end(), single->begin(), single->end());
        rest.remove_prefix(length);
      }
    }
    return out;
  } catch (const std::exception&) {
    return base::fail(ErrorKind::internal, "the text cannot be turned into tokens");
  }
}

std::string token_bytes(const llama_vocab* vocab, Token token, bool special) {
  std::string piece(64, '\0');
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::int32_t count =
        llama_token_to_piece(vocab, token, piece.data(), static_cast<std::int32_t>(piece.size()), 0, special);
    if (count >= 0) {
      piece.resize(static_cast<std::size_t>(count));
      return piece;
    }
    piece.resize(static_cast<std::size_t>(-count));
  }
  return {};
}

}  // namespace blindbox::completion
