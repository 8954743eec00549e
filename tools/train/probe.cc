// SPDX-License-Identifier: Apache-2.0
//
// Asks llama.cpp itself, for verify.py and evaluate.py: one request a line on standard input, one answer a line.
//
//   T HEX            token ids of the bytes, special tokens not parsed
//   G LIMIT IDS...   greedy continuation, at most LIMIT ids, without the end-of-text token; a final -1 when it was reached
//   L IDS...         the logits after the last id, as text
//   S IDS...         the sum of -ln p(id) over all ids but the first

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "llama.h"

namespace {

// Reads `ids` after what the context holds; asks for the logits of all of them, or of the last.
bool read_ids(llama_context* context, const std::vector<llama_token>& ids, int first, bool all) {
  int count = static_cast<int>(ids.size());
  llama_batch batch = llama_batch_init(count, 0, 1);
  batch.n_tokens = count;
  for (int i = 0; i < count; ++i) {
    batch.token[i] = ids[static_cast<size_t>(i)];
    batch.pos[i] = first + i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = all || i + 1 == count;
  }
  int status = llama_decode(context, batch);
  llama_batch_free(batch);
  return status == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: probe MODEL.gguf\n");
    return 2;
  }
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level >= GGML_LOG_LEVEL_WARN) std::fputs(text, stderr);
      },
      nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model) return 1;
  const llama_vocab* vocabulary = llama_model_get_vocab(model);
  int vocabulary_size = llama_vocab_n_tokens(vocabulary);
  llama_context_params parameters = llama_context_default_params();
  parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = 1024;
  parameters.n_threads = parameters.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model, parameters);
  if (!context) return 1;

  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    std::string kind;
    in >> kind;
    if (kind == "T") {
      std::string hex, text;
      in >> hex;
      for (size_t i = 0; i + 1 < hex.size(); i += 2)
        text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
      std::vector<llama_token> ids(text.size() + 8);
      int count = llama_tokenize(vocabulary, text.data(), static_cast<int>(text.size()), ids.data(),
                                 static_cast<int>(ids.size()), false, false);
      for (int i = 0; i < count; ++i) std::printf("%d ", ids[static_cast<size_t>(i)]);
    } else {
      int limit = 0;
      if (kind == "G") in >> limit;
      std::vector<llama_token> ids;
      for (llama_token id; in >> id;) ids.push_back(id);
      llama_memory_clear(llama_get_memory(context), true);
      if (!read_ids(context, ids, 0, kind == "S")) return 1;
      if (kind == "L") {
        const float* logits = llama_get_logits_ith(context, -1);
        for (int i = 0; i < vocabulary_size; ++i) std::printf("%.5f ", static_cast<double>(logits[i]));
      } else if (kind == "S") {
        double total = 0.0;
        for (size_t i = 0; i + 1 < ids.size(); ++i) {
          const float* logits = llama_get_logits_ith(context, static_cast<int>(i));
          float high = *std::max_element(logits, logits + vocabulary_size);
          double sum = 0.0;
          for (int j = 0; j < vocabulary_size; ++j) sum += std::exp(static_cast<double>(logits[j] - high));
          total += std::log(sum) + static_cast<double>(high - logits[ids[i + 1]]);
        }
        std::printf("%.4f", total);
      } else {
        int position = static_cast<int>(ids.size());
        for (int made = 0; made < limit && position < 1024; ++made, ++position) {
          const float* logits = llama_get_logits_ith(context, -1);
          llama_token best = static_cast<llama_token>(std::max_element(logits, logits + vocabulary_size) - logits);
          if (llama_vocab_is_eog(vocabulary, best)) {
            std::printf("-1");
            break;
          }
          std::printf("%d ", best);
          if (!read_ids(context, {best}, position, false)) return 1;
        }
      }
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  llama_free(context);
  llama_model_free(model);
}
