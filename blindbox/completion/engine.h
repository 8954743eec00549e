// SPDX-License-Identifier: Apache-2.0
// A language model that continues text, fills holes in code and answers messages. Many requests at once: the engine
// queues and batches them.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/completion/chat_prompt.h"
#include "blindbox/completion/fim_prompt.h"

namespace blindbox::completion {

using SteadyTime = std::chrono::steady_clock::time_point;

struct ModelSource {
  std::string path;
  std::optional<base::Sha256> expected_sha256;  // refused before it is parsed where it differs
  // Memory sealed by ModelFile::open() in another process, which vouches for expected_sha256; -1: path is read here.
  // The engine takes it over.
  int sealed_memory = -1;
  unsigned threads = 0;   // 0: one less than the machine has; one for small models
  unsigned context = 0;   // tokens; 0: as trained, at most 8192
  unsigned batch = 128;   // tokens of a prompt that are read in one step, at most
  unsigned waiting = 64;  // requests in the queue beside those that run; one more is refused
  unsigned slots = 8;     // requests that run at once, at most
  // Memory for keys and values, of what runs and of what is kept for later requests. It takes room as it is used. One
  // whole context has place in any case.
  std::uint64_t cache_bytes = std::uint64_t{512} << 20;
  std::chrono::milliseconds stall{250};    // that reading one request's prompt may hold up another's next token
  std::chrono::seconds forget_after{900};  // a cached prompt that nobody used for so long is wiped
  std::optional<bool> prompt_lookup;       // guess ahead from the text itself; unset: where a measurement says it pays
};

struct ModelInfo {
  std::string name;  // general.name, else the file's name
  std::string architecture;
  unsigned context_length = 0;  // in use
  unsigned trained_context_length = 0;
  unsigned vocabulary = 0;
  std::uint64_t parameters = 0;
  std::uint64_t file_bytes = 0;
  std::string sha256;            // of the file, hexadecimal
  std::string tokenizer_sha256;  // Gguf::tokenizer_sha256, hexadecimal
  std::optional<FimTokens> fim;
};

struct TokenBias {
  Token id = -1;  // one that the vocabulary has not is left out
  float bias = 0;
};

struct Request {
  std::string prefix;                 // the prompt, or what stands before the cursor
  std::optional<std::string> suffix;  // set (even if empty): fill the hole between the two
  std::vector<ChatMessage> chat;      // not empty: in place of prefix and suffix, through the model's own template
  std::vector<Token> prompt_tokens;   // not empty: in place of prefix, as they are
  unsigned keep_tokens = 0;           // of a longer prompt without a hole only the last ones; 0: it is refused
  std::vector<ExtraFile> extra;       // for a hole: neighbouring files, and the repository's name
  std::string repository;
  std::string filename;       // of the file with the hole, where it is known
  unsigned max_tokens = 128;  // 0 only reads the prompt, so that the next request finds it cached
  float temperature = 0;      // 0: always the likeliest token
  float top_p = 1;
  int top_k = 0;                       // 0: all
  float min_p = 0;                     // of the likeliest token's probability; 0: all
  float repeat_penalty = 1;            // over the last 64 tokens; 1: none
  float presence_penalty = 0;          // of the logit of each token among the last 64, once
  float frequency_penalty = 0;         // alike, as often as it is there
  std::vector<TokenBias> bias;         // added to the logits of these tokens
  unsigned top_log_probabilities = 0;  // so many of the likeliest tokens are told with each (Listener::on_likeliest)
  std::uint32_t seed = 0;
  std::vector<std::string> stop;
  std::optional<SteadyTime> deadline;
  // Once a line is complete, generation lasts no longer than this in all.
  std::optional<std::chrono::milliseconds> line_budget;
  // Whose request it is. The cache of one tenant's prompts never serves another (CVE-2025-46570), and is wiped from
  // memory when the tenant changes.
  std::string tenant;
};

enum class StopReason { eos, limit, word, cancelled, deadline };

struct Timings {
  double prompt_ms = 0;
  double first_token_ms = 0;  // from the start of the request; 0 where there was none
  double predicted_ms = 0;
  double tokens_per_second = 0;
};

struct Outcome {
  StopReason reason = StopReason::eos;
  std::string stopping_word;
  unsigned prompt_tokens = 0;     // in the whole prompt
  unsigned cached_tokens = 0;     // of them, found in the cache
  unsigned evaluated_tokens = 0;  // of them, computed now
  unsigned generated_tokens = 0;
  bool truncated = false;
  Timings timings;
};

struct TokenProbability {
  Token id = -1;
  float log_probability = 0;  // natural, before temperature and cuts
};

struct EngineStatus {
  unsigned slots = 0;  // requests that can run at once
  unsigned busy = 0;
  unsigned queued = 0;
  unsigned queue_limit = 0;
  std::uint64_t cache_tokens = 0;  // kept for later requests, of all tenants
  std::uint64_t cache_bytes = 0;
  std::uint64_t cache_limit_bytes = 0;
  // Since the start:
  std::uint64_t prompt_tokens = 0;  // in the prompts, those from the cache included
  std::uint64_t cached_tokens = 0;
  std::uint64_t generated_tokens = 0;
  std::uint64_t requests = 0;
  std::uint64_t cancelled = 0;
};

// One tenant's own part of the cache.
struct CacheUsage {
  std::uint64_t prefixes = 0;
  std::uint64_t tokens = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hits = 0;  // requests that found a beginning of their prompt
  std::uint64_t reused_tokens = 0;
};

// Hears of a request while it runs, on the thread that called generate() unless a function says otherwise.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  // Valid UTF-8, never empty. False cancels.
  virtual bool on_text(std::string_view text) = 0;
  // A token was chosen; comes before the on_text() to which it contributes. One that ends the text is not told.
  virtual void on_token(Token /*id*/, float /*log_probability*/) {}
  // The likeliest tokens in its place, best first, before on_token(); only where the request asks for them.
  virtual void on_likeliest(const std::vector<TokenProbability>& /*likeliest*/) {}
  // So many of the prompt's tokens have been read.
  virtual void on_prompt(unsigned /*read*/, unsigned /*total*/) {}
  // The engine looks whether to stop: between the steps of the computation, many times a token, on a thread of its own.
  virtual void on_stop_check() {}
};

class Generator {
 public:
  Generator() = default;
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;
  virtual ~Generator() = default;

  [[nodiscard]] virtual const ModelInfo& info() const = 0;
  // Returns when the request is through; may be called from many threads at once. A full queue is ErrorKind::limit with
  // a hint, a prompt longer than the context ErrorKind::limit without one; a hole for a model without such tokens, or
  // messages for one without a template, ErrorKind::model. A cancelled request is no error: the outcome says so, and
  // the generator stays usable.
  [[nodiscard]] virtual Result<Outcome> generate(const Request& request, Listener& listener, std::stop_token stop) = 0;

  // special: special tokens written out in the text become what they say; for prompts that are markup, never for code.
  [[nodiscard]] virtual Result<Tokens> tokenize(std::string_view text, bool special, bool add_bos) const = 0;
  // Special tokens are written out; the bytes need not be whole characters. ErrorKind::malformed for ids that the
  // vocabulary has not.
  [[nodiscard]] virtual Result<std::string> detokenize(const Tokens& tokens) const = 0;
  // The messages in the model's own template, as text; ErrorKind::model where it has none.
  [[nodiscard]] virtual Result<std::string> chat_text(const std::vector<ChatMessage>& messages) const = 0;

  [[nodiscard]] virtual EngineStatus status() const = 0;
  [[nodiscard]] virtual CacheUsage cache_usage(std::string_view tenant) const = 0;
  // Wipes what is kept of the tenant's prompts from memory; what runs for it goes on.
  virtual void forget(std::string_view tenant) = 0;
};

// llama.cpp, on the CPU.
class Engine final : public Generator {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Engine>> load(const ModelSource& source);
  ~Engine() override;

  [[nodiscard]] const ModelInfo& info() const override;
  [[nodiscard]] Result<Outcome> generate(const Request& request, Listener& listener, std::stop_token stop) override;
  [[nodiscard]] Result<Tokens> tokenize(std::string_view text, bool special, bool add_bos) const override;
  [[nodiscard]] Result<std::string> detokenize(const Tokens& tokens) const override;
  [[nodiscard]] Result<std::string> chat_text(const std::vector<ChatMessage>& messages) const override;
  [[nodiscard]] EngineStatus status() const override;
  [[nodiscard]] CacheUsage cache_usage(std::string_view tenant) const override;
  void forget(std::string_view tenant) override;

 private:
  class State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace blindbox::completion
