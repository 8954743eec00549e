// SPDX-License-Identifier: Apache-2.0
// config.json of a Hugging Face model: which architecture, how large, with which positions. Only what the engine can run
// exactly is accepted; whatever would be silently computed in another way is refused by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/fetch/json.h"
#include "blindbox/model/gguf_writer.h"

namespace blindbox::model {

struct RopeScaling {
  std::string type;  // "linear" or "yarn"
  float factor = 1;
  std::uint32_t original_context = 0;  // yarn
};

struct Config {
  std::string architecture;  // general.architecture: starcoder, starcoder2, llama or qwen2
  std::uint32_t context = 0;
  std::uint32_t width = 0;
  std::uint32_t feed_forward = 0;
  std::uint32_t layers = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_size = 0;
  bool head_size_given = false;
  std::uint32_t vocabulary = 0;  // rows of the token embeddings
  float norm_epsilon = 0;
  std::optional<float> rope_base;
  std::optional<RopeScaling> rope_scaling;
  std::vector<float> rope_factors;  // Llama 3's, one for each pair of dimensions
  bool tied = false;                // no output weights of its own
  bool transposed = false;  // linear layers as Conv1D keeps them: columns first (SantaCoder's first checkpoints)
};

// ErrorKind::malformed for what is no configuration, ErrorKind::model for an architecture or a variant of one that
// cannot be imported, with its name.
[[nodiscard]] Result<Config> read_config(const fetch::Json& config);

// The keys that llama.cpp reads, as its own converter writes them.
void describe(const Config& config, GgufMetadata& metadata);

}  // namespace blindbox::model
