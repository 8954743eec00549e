// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "blindbox/model/internal/config_reader.h"

namespace blindbox::model {
namespace {

using fetch::Json;
using internal::ConfigReader;

struct Known {
  std::string_view name;  // of "architectures"
  std::string_view architecture;
};
// The last two are SantaCoder's first repository, whose model was code of its own on top of GPT-2.
constexpr std::array kKnown = {
    Known{"GPTBigCodeForCausalLM", "starcoder"}, Known{"Starcoder2ForCausalLM", "starcoder2"},
    Known{"LlamaForCausalLM", "llama"},          Known{"MistralForCausalLM", "llama"},
    Known{"Qwen2ForCausalLM", "qwen2"},          Known{"GPT2LMHeadCustomModel", "starcoder"},
    Known{"GPT2CustomLMHeadModel", "starcoder"},
};

Result<std::string> architecture_of(const Json& config) {
  const auto list = config.find("architectures");
  if (list == config.end() || !list->is_array() || list->empty() || !list->front().is_string()) {
    return base::fail(ErrorKind::malformed, "config.json names no architecture", "it has no \"architectures\"");
  }
  return list->front().get<std::string>();
}

// Each of these changes what the model computes in a way that the engine would not follow.
void refuse_variants(ConfigReader& in, const Config& config) {
  in.must_be("activation_function", {"gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu"});
  if (config.architecture == "starcoder2") {
    in.must_be("hidden_act", {"gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu"});
    in.must_be("use_bias", true);
    in.must_be("norm_type", {"layer_norm"});
  } else if (config.architecture != "starcoder") {
    in.must_be("hidden_act", {"silu", "swish"});
  }
  in.must_be("scale_attn_weights", true);
  in.must_be("add_cross_attention", false);
  in.must_be("is_encoder_decoder", false);
  for (const char* key : {"num_local_experts", "num_experts", "n_routed_experts", "quantization_config",
                          "logits_scaling", "residual_multiplier", "embedding_multiplier", "attention_multiplier"}) {
    in.must_be_absent(key);
  }
  in.must_be_one("partial_rotary_factor");
}

void read_starcoder(ConfigReader& in, Config& out) {
  out.context = in.number("n_positions", 1U << 20);
  out.width = in.number("n_embd", 1U << 16);
  out.layers = in.number("n_layer", 512);
  out.heads = in.number("n_head", 1024);
  out.feed_forward = in.number_or("n_inner", 4 * out.width, 1U << 20);
  out.norm_epsilon = in.real("layer_norm_epsilon");
  in.must_be("attention_head_type", {"multiquery"});
  if (out.transposed) in.must_be("multi_query", true);  // the first layout was made for it
  out.kv_heads = in.flag("multi_query", true) ? 1 : out.heads;
  out.tied = in.flag("tie_word_embeddings", true);
}

void read_modern(ConfigReader& in, Config& out) {
  out.context = in.number("max_position_embeddings", 1U << 20);
  out.width = in.number("hidden_size", 1U << 16);
  out.layers = in.number("num_hidden_layers", 512);
  out.heads = in.number("num_attention_heads", 1024);
  out.kv_heads = in.number_or("num_key_value_heads", out.heads, 1024);
  out.feed_forward = in.number("intermediate_size", 1U << 20);
  out.norm_epsilon = in.real(out.architecture == "starcoder2" ? "norm_epsilon" : "rms_norm_eps");
  out.tied = in.flag("tie_word_embeddings", out.architecture == "starcoder2");
  out.head_size_given = in.has("head_dim");
  if (out.head_size_given) out.head_size = in.number("head_dim", 4096);
  internal::read_rope(in, out);
}

Result<void> check_sizes(const Config& config) {
  const auto wrong = [](const std::string& what) { return base::fail(ErrorKind::malformed, "config.json: " + what); };
  if (config.heads == 0 || config.kv_heads == 0 || config.heads % config.kv_heads != 0) {
    return wrong(std::to_string(config.heads) + " heads do not divide into " + std::to_string(config.kv_heads) +
                 " key/value heads");
  }
  if (config.width % config.heads != 0 && config.head_size == 0) {
    return wrong("a width of " + std::to_string(config.width) + " does not divide into " +
                 std::to_string(config.heads) + " heads");
  }
  // The engine's own file rules, so that nothing is made that it refuses.
  if (config.context < 16 || config.width < 8 || config.width % config.heads != 0) {
    return wrong("the model is smaller than the engine takes");
  }
  return {};
}

}  // namespace

Result<Config> read_config(const Json& config) {
  auto name = architecture_of(config);
  if (!name) return base::pass_on(name);
  const auto known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& row) { return row.name == *name; });
  if (known == kKnown.end()) {
    std::string names;
    for (const Known& row : kKnown) names += (names.empty() ? "" : ", ") + std::string(row.name);
    return base::fail(ErrorKind::model, "this architecture cannot be imported",
                      "found " + fetch::shown(*name) + ", known are " + names);
  }
  ConfigReader in(config);
  Config out;
  out.architecture = known->architecture;
  out.transposed = name->starts_with("GPT2");
  out.vocabulary = in.number("vocab_size", 1U << 20);
  out.architecture == "starcoder" ? read_starcoder(in, out) : read_modern(in, out);
  refuse_variants(in, out);
  if (in.error()) return tl::unexpected(*in.error());
  if (auto sound = check_sizes(out); !sound) return base::pass_on(sound);
  if (out.head_size == 0) out.head_size = out.width / out.heads;
  if (auto factors = internal::read_rope_factors(config, out); !factors) return base::pass_on(factors);
  return out;
}

void describe(const Config& config, GgufMetadata& metadata) {
  const auto key = [&config](const char* name) { return config.architecture + "." + name; };
  const bool rms = config.architecture == "llama" || config.architecture == "qwen2";
  metadata.u32(key("context_length"), config.context);
  metadata.u32(key("embedding_length"), config.width);
  metadata.u32(key("feed_forward_length"), config.feed_forward);
  metadata.u32(key("block_count"), config.layers);
  metadata.u32(key("attention.head_count"), config.heads);
  metadata.u32(key("attention.head_count_kv"), config.kv_heads);
  metadata.f32(key(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon"), config.norm_epsilon);
  if (config.rope_base) metadata.f32(key("rope.freq_base"), *config.rope_base);
  if (config.rope_scaling) {
    metadata.text(key("rope.scaling.type"), config.rope_scaling->type);
    metadata.f32(key("rope.scaling.factor"), config.rope_scaling->factor);
    if (config.rope_scaling->type == "yarn") {
      metadata.u32(key("rope.scaling.original_context_length"), config.rope_scaling->original_context);
    }
  }
  if (config.head_size_given) {
    metadata.u32(key("attention.key_length"), config.head_size);
    metadata.u32(key("attention.value_length"), config.head_size);
  }
  if (config.architecture == "llama") {
    metadata.u32(key("vocab_size"), config.vocabulary);
    metadata.u32(key("rope.dimension_count"), config.head_size);
  }
}

}  // namespace blindbox::model
