// SPDX-License-Identifier: Apache-2.0
// A language model that continues text and fills holes in code. One request at a time: the caller queues (app.h does).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/completion/fim_prompt.h"

namespace blindbox::completion {

using SteadyTime = std::chrono::steady_clock::time_point;

struct ModelSource {
  std::string path;
  std::optional<base::Sha256> expected_sha256;  // refused before it is parsed where it differs
  // Memory sealed by ModelFile::open() in another process, which vouches for expected_sha256; -1: path is read here.
  // The engine takes it over.
  int sealed_memory = -1;
  unsigned threads = 0;  // 0: one less than the machine has; one for small models
  unsigned context = 0;  // tokens; 0: as trained, at most 8192
  unsigned batch = 128;  // tokens of a prompt that are read in one step
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

struct Request {
  std::string prefix;                 // the prompt, or what stands before the cursor
  std::optional<std::string> suffix;  // set (even if empty): fill the hole between the two
  unsigned max_tokens = 128;          // 0 only reads the prompt, so that the next request finds it cached
  float temperature = 0;              // 0: always the likeliest token
  float top_p = 1;
  int top_k = 0;  // 0: all
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

// Hears of a request while it runs, on the thread that called generate().
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  // Valid UTF-8, never empty. False cancels.
  virtual bool on_text(std::string_view text) = 0;
  // So many of the prompt's tokens have been read.
  virtual void on_prompt(unsigned /*read*/, unsigned /*total*/) {}
  // The engine looks whether to stop: between the steps of the computation, many times a token.
  virtual void on_stop_check() {}
};

class Generator {
 public:
  Generator() = default;
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;
  virtual ~Generator() = default;

  [[nodiscard]] virtual const ModelInfo& info() const = 0;
  // A prompt longer than the context is ErrorKind::limit, a hole for a model without such tokens ErrorKind::model.
  // A cancelled request is no error: the outcome says so, and the generator stays usable.
  [[nodiscard]] virtual Result<Outcome> generate(const Request& request, Listener& listener, std::stop_token stop) = 0;
};

// llama.cpp, on the CPU.
class Engine final : public Generator {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Engine>> load(const ModelSource& source);
  ~Engine() override;

  [[nodiscard]] const ModelInfo& info() const override;
  [[nodiscard]] Result<Outcome> generate(const Request& request, Listener& listener, std::stop_token stop) override;

 private:
  class State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace blindbox::completion
