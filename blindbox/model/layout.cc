// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/layout.h"

#include <array>
#include <set>

namespace blindbox::model {
namespace {

using base::fail;

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string out;
  for (const std::uint64_t size : shape) out += (out.empty() ? "" : " x ") + std::to_string(size);
  return out.empty() ? "a scalar" : out;
}

// Buffers of transformers' modules that older versions saved; they hold no weights.
bool is_buffer(std::string_view name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || name.ends_with(".rotary_emb.inv_freq");
}

class Planner {
 public:
  Planner(const Config& config, const Checkpoint& checkpoint) : config_(config), checkpoint_(checkpoint) {}

  Result<std::vector<PlannedTensor>> run() {
    const bool bigcode = config_.architecture == "starcoder";
    const std::string root = bigcode ? "transformer." : "model.";
    const std::string embeddings = bigcode ? "wte.weight" : "embed_tokens.weight";
    // The bare model, saved without its head, lacks the first part of every name.
    root_ = checkpoint_.has(root + embeddings) ? root : "";
    matrix("token_embd.weight", root_ + embeddings, config_.vocabulary, config_.width, false);
    if (bigcode) matrix("position_embd.weight", root_ + "wpe.weight", config_.context, config_.width, false);
    if (!config_.rope_factors.empty()) {
      PlannedTensor factors{.name = "rope_freqs.weight", .dimensions = 1, .columns = config_.rope_factors.size()};
      factors.values = config_.rope_factors;
      out_.push_back(std::move(factors));
    }
    for (std::uint32_t i = 0; i < config_.layers && !error_; ++i) bigcode ? bigcode_layer(i) : modern_layer(i);
    norm("output_norm", root_ + (bigcode ? "ln_f" : "norm"), config_.architecture.starts_with("starcoder"));
    if (!config_.tied) matrix("output.weight", "lm_head.weight", config_.vocabulary, config_.width, false);
    if (!error_) refuse_strangers();
    if (error_) return tl::unexpected(*error_);
    return std::move(out_);
  }

 private:
  void bigcode_layer(std::uint32_t index) {
    const std::string to = "blk." + std::to_string(index) + ".";
    const std::string from = root_ + "h." + std::to_string(index) + ".";
    const std::uint64_t kv = 2 * std::uint64_t{config_.kv_heads} * config_.head_size;
    norm(to + "attn_norm", from + "ln_1", true);
    if (checkpoint_.has(from + "attn.q_attn.weight")) {
      // SantaCoder's own first layout: the queries apart from the one key and value that all heads share.
      stacked(to + "attn_qkv", {{from + "attn.q_attn", config_.width}, {from + "attn.kv_attn", kv}});
    } else {
      linear(to + "attn_qkv", from + "attn.c_attn", config_.width + kv, config_.width, true);
      if (config_.kv_heads > 1) part_heads();
    }
    linear(to + "attn_output", from + "attn.c_proj", config_.width, config_.width, true);
    norm(to + "ffn_norm", from + "ln_2", true);
    linear(to + "ffn_up", from + "mlp.c_fc", config_.feed_forward, config_.width, true);
    linear(to + "ffn_down", from + "mlp.c_proj", config_.width, config_.feed_forward, true);
  }

  void modern_layer(std::uint32_t index) {
    const std::string to = "blk." + std::to_string(index) + ".";
    const std::string from = root_ + "layers." + std::to_string(index) + ".";
    const std::uint64_t queries = std::uint64_t{config_.heads} * config_.head_size;
    const std::uint64_t keys = std::uint64_t{config_.kv_heads} * config_.head_size;
    const bool starcoder2 = config_.architecture == "starcoder2";
    const bool biased = config_.architecture != "llama";
    // Llama's rotary embedding turns pairs in llama.cpp and halves in transformers; the other families turn halves in both.
    const std::uint64_t rotary = config_.architecture == "llama" ? config_.head_size : 0;
    norm(to + "attn_norm", from + "input_layernorm", starcoder2);
    linear(to + "attn_q", from + "self_attn.q_proj", queries, config_.width, biased, rotary);
    linear(to + "attn_k", from + "self_attn.k_proj", keys, config_.width, biased, rotary);
    linear(to + "attn_v", from + "self_attn.v_proj", keys, config_.width, biased);
    linear(to + "attn_output", from + "self_attn.o_proj", config_.width, queries, starcoder2);
    norm(to + "ffn_norm", from + "post_attention_layernorm", starcoder2);
    if (starcoder2) {
      linear(to + "ffn_up", from + "mlp.c_fc", config_.feed_forward, config_.width, true);
      linear(to + "ffn_down", from + "mlp.c_proj", config_.width, config_.feed_forward, true);
      return;
    }
    linear(to + "ffn_gate", from + "mlp.gate_proj", config_.feed_forward, config_.width, false);
    linear(to + "ffn_up", from + "mlp.up_proj", config_.feed_forward, config_.width, false);
    linear(to + "ffn_down", from + "mlp.down_proj", config_.width, config_.feed_forward, false);
  }

  const SafeTensor* take(const std::string& name, const std::vector<std::uint64_t>& shape) {
    const SafeTensor* const found = checkpoint_.find(name);
    if (error_) return nullptr;
    if (found == nullptr) {
      error_ = Error{ErrorKind::malformed, "the checkpoint lacks a tensor", fetch::shown(name),
                     "config.json and the weights must be of the same model"};
      return nullptr;
    }
    if (found->dtype == Dtype::other) {
      error_ = Error{ErrorKind::model, "a tensor's type cannot be imported",
                     fetch::shown(name + " is " + found->dtype_name) + ", known are F32, F16 and BF16", ""};
      return nullptr;
    }
    if (found->shape != shape) {
      error_ = Error{ErrorKind::malformed, "a tensor has another shape than config.json implies",
                     fetch::shown(name) + ": " + shape_text(found->shape) + ", expected " + shape_text(shape), ""};
      return nullptr;
    }
    used_.insert(name);
    return found;
  }

  void vector(const std::string& to, const std::vector<std::pair<std::string, std::uint64_t>>& from,
              std::uint64_t rotary) {
    PlannedTensor planned{.name = to, .dimensions = 1};
    for (const auto& [name, size] : from) {
      planned.pieces.push_back({take(name, {size}), size});
      planned.columns += size;
    }
    planned.rotary_head = rotary;
    out_.push_back(std::move(planned));
  }

  void norm(const std::string& to, const std::string& from, bool biased) {
    vector(to + ".weight", {{from + ".weight", config_.width}}, 0);
    if (biased) vector(to + ".bias", {{from + ".bias", config_.width}}, 0);
  }

  void matrix(const std::string& to, const std::string& from, std::uint64_t rows, std::uint64_t columns,
              bool transposed, std::uint64_t rotary = 0) {
    PlannedTensor planned{.name = to, .dimensions = 2, .columns = columns, .rows = rows};
    const auto shape = transposed ? std::vector{columns, rows} : std::vector{rows, columns};
    planned.pieces.push_back({take(from, shape), rows});
    planned.transposed = transposed;
    planned.rotary_head = rotary;
    out_.push_back(std::move(planned));
  }

  // biased: the bias must be there; else it is taken where it is (Llama's attention_bias and mlp_bias).
  void linear(const std::string& to, const std::string& from, std::uint64_t rows, std::uint64_t columns, bool biased,
              std::uint64_t rotary = 0) {
    matrix(to + ".weight", from + ".weight", rows, columns, config_.transposed, rotary);
    if (biased || checkpoint_.has(from + ".bias")) vector(to + ".bias", {{from + ".bias", rows}}, rotary);
  }

  // Without multi-query attention, GPTBigCode keeps the query, key and value of a head together; llama.cpp wants all
  // queries, then all keys, then all values. Of the weights and biases planned last.
  void part_heads() {
    const std::uint64_t size = config_.head_size;
    for (PlannedTensor* const planned : {&*(out_.end() - 2), &out_.back()}) {
      const SafeTensor* const source = planned->pieces.front().source;
      planned->pieces.clear();
      for (std::uint64_t part = 0; part < 3; ++part) {
        for (std::uint64_t head = 0; head < config_.heads; ++head) {
          planned->pieces.push_back({source, size, (3 * head + part) * size});
        }
      }
    }
  }

  void stacked(const std::string& to, const std::vector<std::pair<std::string, std::uint64_t>>& from) {
    PlannedTensor planned{.name = to + ".weight", .dimensions = 2, .columns = config_.width, .rows = 0};
    std::vector<std::pair<std::string, std::uint64_t>> biases;
    for (const auto& [name, rows] : from) {
      const std::uint64_t width = config_.width;
      const auto shape = config_.transposed ? std::vector{width, rows} : std::vector{rows, width};
      planned.pieces.push_back({take(name + ".weight", shape), rows});
      planned.rows += rows;
      biases.emplace_back(name + ".bias", rows);
    }
    planned.transposed = config_.transposed;
    out_.push_back(std::move(planned));
    vector(to + ".bias", biases, 0);
  }

  // What nobody takes would be left out of the computation without a word.
  void refuse_strangers() {
    for (const std::string& name : checkpoint_.names()) {
      if (used_.contains(name) || is_buffer(name) || (config_.tied && name == "lm_head.weight")) continue;
      error_ = Error{ErrorKind::malformed, "the checkpoint holds a tensor that its architecture does not know",
                     fetch::shown(name), ""};
      return;
    }
  }

  const Config& config_;
  const Checkpoint& checkpoint_;
  std::string root_;
  std::vector<PlannedTensor> out_;
  std::set<std::string, std::less<>> used_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<PlannedTensor>> plan_tensors(const Config& config, const Checkpoint& checkpoint) {
  return Planner(config, checkpoint).run();
}

}  // namespace blindbox::model
