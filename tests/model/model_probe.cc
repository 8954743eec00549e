// SPDX-License-Identifier: Apache-2.0
// Asks llama.cpp about a GGUF file, for comparison with other libraries.
//   model_probe tokens FILE < STRINGS   each string: 4 bytes of length, its bytes; prints its tokens on a line
//   model_probe logits FILE ID...       prints the logits behind the last of these tokens, one a line
//   model_probe quantize IN OUT FTYPE   as llama-quantize does
#include <llama.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

namespace {

llama_model* load(const char* path, bool vocabulary_alone) {
  llama_model_params params = llama_model_default_params();
  params.vocab_only = vocabulary_alone;
  params.n_gpu_layers = 0;
  llama_model* const model = llama_model_load_from_file(path, params);
  if (model == nullptr) std::exit(3);
  return model;
}

int print_tokens(const char* path) {
  llama_model* const model = load(path, true);
  const llama_vocab* const vocab = llama_model_get_vocab(model);
  std::array<unsigned char, 4> head{};
  while (std::cin.read(reinterpret_cast<char*>(head.data()), head.size())) {
    std::string text(head[0] | static_cast<unsigned>(head[1]) << 8U | static_cast<unsigned>(head[2]) << 16U, '\0');
    std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
    std::vector<llama_token> tokens(text.size() * 2 + 8);
    const int count = llama_tokenize(vocab, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                                     static_cast<std::int32_t>(tokens.size()), false, false);
    for (int i = 0; i < count; ++i) std::printf("%d ", tokens[static_cast<std::size_t>(i)]);
    std::printf("\n");
  }
  llama_model_free(model);
  return 0;
}

int print_logits(const char* path, std::vector<llama_token> tokens) {
  llama_model* const model = load(path, false);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 256;
  params.n_threads = params.n_threads_batch = 1;
  params.type_k = params.type_v = GGML_TYPE_F32;
  llama_context* const context = llama_init_from_model(model, params);
  if (context == nullptr) return 3;
  if (llama_decode(context, llama_batch_get_one(tokens.data(), static_cast<std::int32_t>(tokens.size()))) != 0)
    return 4;
  const float* const logits = llama_get_logits_ith(context, -1);
  const int count = llama_vocab_n_tokens(llama_model_get_vocab(model));
  for (int i = 0; i < count; ++i) std::printf("%.9g\n", static_cast<double>(logits[i]));
  llama_free(context);
  llama_model_free(model);
  return 0;
}

int quantize(const char* from, const char* to, int type) {
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.ftype = static_cast<llama_ftype>(type);
  params.nthread = 1;
  return static_cast<int>(llama_model_quantize(from, to, &params));
}

}  // namespace

int main(int argc, char** argv) {
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  llama_backend_init();
  const std::string verb = argc > 2 ? argv[1] : "";
  if (verb == "tokens") return print_tokens(argv[2]);
  if (verb == "quantize" && argc == 5) return quantize(argv[2], argv[3], std::atoi(argv[4]));
  if (verb != "logits") return 2;
  std::vector<llama_token> tokens;
  for (int i = 3; i < argc; ++i) tokens.push_back(std::atoi(argv[i]));
  return print_logits(argv[2], std::move(tokens));
}
