// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/quantize.h"

#include <ggml.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <thread>
#include <vector>

#include "blindbox/model/gguf_writer.h"

namespace blindbox::completion {
namespace {

using base::fail;
using model::ModelShape;

constexpr std::uint64_t kPieceValues = std::uint64_t{4} << 20;

struct Form {
  std::string_view name;
  ggml_type type;
  llama_ftype file_type;
};
constexpr std::array kForms = {
    Form{"q8_0", GGML_TYPE_Q8_0, LLAMA_FTYPE_MOSTLY_Q8_0},
    Form{"q4_0", GGML_TYPE_Q4_0, LLAMA_FTYPE_MOSTLY_Q4_0},
    Form{"q4_k_m", GGML_TYPE_Q4_K, LLAMA_FTYPE_MOSTLY_Q4_K_M},
};

// The layer of "blk.7.ffn_down.weight".
std::uint64_t layer_of(std::string_view tensor) {
  std::uint64_t layer = 0;
  if (tensor.starts_with("blk.")) (void)std::from_chars(tensor.data() + 4, tensor.data() + tensor.size(), layer);
  return layer;
}

// Layers whose values and down projections get more bits in the mixed forms (llama.cpp, llama_tensor_get_type_impl).
bool more_bits(std::uint64_t layer, std::uint64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

std::uint64_t block_of(ggml_type type) { return static_cast<std::uint64_t>(ggml_blck_size(type)); }

// Where rows do not divide into the type's blocks, the next type that fits.
ggml_type fitting(ggml_type type, std::uint64_t columns) {
  if (columns % block_of(type) == 0) return type;
  ggml_type other = type;
  if (type == GGML_TYPE_Q4_K) other = GGML_TYPE_Q5_0;
  if (type == GGML_TYPE_Q5_K) other = GGML_TYPE_Q5_1;
  if (type == GGML_TYPE_Q6_K) other = GGML_TYPE_Q8_0;
  return columns % block_of(other) == 0 ? other : GGML_TYPE_F16;
}

class Quantizing final : public model::Encoder {
 public:
  explicit Quantizing(const Form& form) : form_(form) {}

  [[nodiscard]] std::uint32_t file_type() const override { return form_.file_type; }

  [[nodiscard]] std::uint32_t type_of(const ModelShape& shape, std::string_view tensor, unsigned dimensions,
                                      std::uint64_t columns) const override {
    if (model::stays_f32(tensor, dimensions)) return GGML_TYPE_F32;
    ggml_type type = form_.type;
    const bool mixed = form_.file_type == LLAMA_FTYPE_MOSTLY_Q4_K_M;
    const bool output = tensor == "output.weight" || (shape.tied && tensor == "token_embd.weight");
    if (output) {
      if (columns % block_of(type) != 0) {
        type = GGML_TYPE_Q8_0;
      } else if (type != GGML_TYPE_Q8_0) {
        type = GGML_TYPE_Q6_K;
      }
    } else if (tensor.ends_with("attn_v.weight") || tensor.ends_with("attn_qkv.weight")) {
      if (mixed && more_bits(layer_of(tensor), shape.layers)) type = GGML_TYPE_Q6_K;
      const bool very_large = shape.architecture == "llama" && shape.layers == 80 && shape.heads != shape.kv_heads;
      if (very_large && type == GGML_TYPE_Q4_K) type = GGML_TYPE_Q5_K;
    } else if (tensor.ends_with("ffn_down.weight")) {
      if (mixed && more_bits(layer_of(tensor), shape.layers)) type = GGML_TYPE_Q6_K;
    }
    return fitting(type, columns);
  }

  [[nodiscard]] std::uint64_t row_bytes(std::uint32_t type, std::uint64_t columns) const override {
    return ggml_row_size(static_cast<ggml_type>(type), static_cast<std::int64_t>(columns));
  }

  [[nodiscard]] Result<void> encode(std::uint32_t type, std::span<const float> values, std::uint64_t columns,
                                    std::span<std::byte> out) const override {
    const auto rows = static_cast<std::int64_t>(values.size() / columns);
    const auto one = [&](std::int64_t first, std::int64_t count) {
      ggml_quantize_chunk(static_cast<ggml_type>(type), values.data(), out.data(),
                          first * static_cast<std::int64_t>(columns), count, static_cast<std::int64_t>(columns),
                          nullptr);
    };
    constexpr std::int64_t kWorthThreads = std::int64_t{1} << 18;
    const auto cores = static_cast<std::int64_t>(std::max(std::thread::hardware_concurrency(), 1U));
    const std::int64_t parts = static_cast<std::int64_t>(values.size()) < kWorthThreads ? 1 : std::min(cores, rows);
    std::vector<std::jthread> threads;
    for (std::int64_t part = 1; part < parts; ++part) {
      const std::int64_t first = rows * part / parts;
      threads.emplace_back(one, first, rows * (part + 1) / parts - first);
    }
    one(0, rows / parts);
    return {};
  }

 private:
  Form form_;
};

// A tensor's weights as numbers, a few rows at a time. The header has been checked: they lie inside the file.
class Rows {
 public:
  Rows(ByteView file, const Gguf& gguf, const GgufTensor& tensor)
      : type_(static_cast<ggml_type>(tensor.type)),
        columns_(tensor.shape[0]),
        bytes_(file.subspan(static_cast<std::size_t>(gguf.data_offset + tensor.offset),
                            static_cast<std::size_t>(tensor.bytes))),
        row_bytes_(ggml_row_size(type_, static_cast<std::int64_t>(columns_))) {}

  [[nodiscard]] bool at_end() const { return bytes_.empty(); }
  std::span<const float> next() {
    const std::size_t rows =
        std::min<std::size_t>(std::max<std::uint64_t>(kPieceValues / columns_, 1), bytes_.size() / row_bytes_);
    values_.resize(rows * static_cast<std::size_t>(columns_));
    const auto* const traits = ggml_get_type_traits(type_);
    if (type_ == GGML_TYPE_F32) {
      std::copy_n(bytes_.data(), values_.size() * sizeof(float), reinterpret_cast<std::byte*>(values_.data()));
    } else {
      traits->to_float(bytes_.data(), values_.data(), static_cast<std::int64_t>(values_.size()));
    }
    bytes_ = bytes_.subspan(rows * row_bytes_);
    return values_;
  }

 private:
  ggml_type type_;
  std::uint64_t columns_;
  ByteView bytes_;
  std::size_t row_bytes_;
  std::vector<float> values_;
};

bool is_plain(std::uint32_t type) { return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16; }

std::uint64_t total_of(const Gguf& gguf) {
  std::uint64_t total = 0;
  for (const GgufTensor& tensor : gguf.tensors) total += tensor.bytes;
  return total;
}

ModelShape shape_of(const Gguf& gguf) {
  ModelShape out;
  out.architecture = gguf.architecture;
  out.layers = gguf.number(gguf.architecture + ".block_count", 0);
  out.heads = gguf.number(gguf.architecture + ".attention.head_count", 0);
  out.kv_heads = gguf.number(gguf.architecture + ".attention.head_count_kv", out.heads);
  out.tied = std::none_of(gguf.tensors.begin(), gguf.tensors.end(),
                          [](const GgufTensor& tensor) { return tensor.name == "output.weight"; });
  return out;
}

unsigned dimensions_of(const GgufTensor& tensor) { return tensor.shape.size() > 1 && tensor.shape[1] > 1 ? 2 : 1; }

Result<model::GgufTensorPlace> place_of(const GgufTensor& tensor, const ModelShape& shape,
                                        const model::Encoder& encoder) {
  model::GgufTensorPlace place{tensor.name, tensor.shape, 0, 0};
  const unsigned dimensions = dimensions_of(tensor);
  place.type = encoder.type_of(shape, tensor.name, dimensions, tensor.shape[0]);
  std::uint64_t rows = 1;
  for (std::size_t i = 1; i < tensor.shape.size(); ++i) rows *= tensor.shape[i];
  place.bytes = rows * encoder.row_bytes(place.type, tensor.shape[0]);
  if (!is_plain(tensor.type)) {
    return fail(ErrorKind::model, "the model is quantised already",
                tensor.name + " is " + weight_type_name(tensor.type), "quantise from its F16, BF16 or F32 file");
  }
  return place;
}

model::GgufMetadata metadata_of(ByteView file, const Gguf& gguf, const model::Encoder& encoder) {
  model::GgufMetadata out;
  for (const GgufPair& pair : gguf.pairs) {
    // The writer aligns as the format does by default; the file type is told anew below.
    if (pair.key == "general.alignment" || pair.key == "general.file_type") continue;
    if (pair.key == "general.quantization_version") continue;
    out.raw(file.subspan(static_cast<std::size_t>(pair.begin), static_cast<std::size_t>(pair.bytes)));
  }
  out.u32("general.quantization_version", GGML_QNT_VERSION);
  out.u32("general.file_type", encoder.file_type());
  return out;
}

Result<void> tell(const WeightsProgress& progress, std::uint64_t done, std::uint64_t total) {
  if (progress.stop.stop_requested()) return fail(ErrorKind::cancelled, "interrupted");
  if (progress.report) progress.report(done, total);
  return {};
}

Result<void> write_tensor(Rows rows, const model::GgufTensorPlace& place, const model::Encoder& encoder,
                          model::GgufWriter& out, const WeightsProgress& progress) {
  Bytes encoded;
  while (!rows.at_end()) {
    if (progress.stop.stop_requested()) return fail(ErrorKind::cancelled, "interrupted");
    const std::span<const float> values = rows.next();
    if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) {
      return fail(ErrorKind::model, "a tensor holds values that are no numbers", place.name);
    }
    const std::uint64_t columns = place.shape[0];
    encoded.resize(static_cast<std::size_t>(values.size() / columns * encoder.row_bytes(place.type, columns)));
    if (auto done = encoder.encode(place.type, values, columns, encoded); !done) return done;
    if (auto done = out.append(encoded); !done) return done;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<model::Encoder>> encoder_named(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (auto plain = model::plain_encoder(lower)) return plain;
  const auto form = std::find_if(kForms.begin(), kForms.end(), [&](const Form& row) { return row.name == lower; });
  if (form != kForms.end()) return std::make_unique<Quantizing>(*form);
  return fail(ErrorKind::usage, "no such type of weights: " + std::string(name), "",
              "known are f32, f16, bf16, q8_0, q4_0 and q4_k_m");
}

Result<Quantized> quantize_file(ByteView file, const Gguf& gguf, const std::string& output,
                                const model::Encoder& encoder, const WeightsProgress& progress) {
  const ModelShape shape = shape_of(gguf);
  std::vector<model::GgufTensorPlace> places;
  for (const GgufTensor& tensor : gguf.tensors) {
    auto place = place_of(tensor, shape, encoder);
    if (!place) return base::pass_on(place);
    places.push_back(std::move(*place));
  }
  auto out = model::GgufWriter::create(output, metadata_of(file, gguf, encoder), places);
  if (!out) return base::pass_on(out);
  const std::uint64_t total = total_of(gguf);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto written = write_tensor(Rows(file, gguf, gguf.tensors[i]), places[i], encoder, *out, progress);
    if (!written) return base::pass_on(written);
    done += gguf.tensors[i].bytes;
    if (auto told = tell(progress, done, total); !told) return base::pass_on(told);
  }
  auto written = out->finish();
  if (!written) return base::pass_on(written);
  return Quantized{written->bytes, written->sha256};
}

Result<WeightFindings> check_weights(ByteView file, const Gguf& gguf, const WeightsProgress& progress) {
  WeightFindings out;
  const std::uint64_t total = total_of(gguf);
  std::uint64_t done = 0;
  for (const GgufTensor& tensor : gguf.tensors) {
    Rows rows(file, gguf, tensor);
    while (!rows.at_end()) {
      const std::span<const float> values = rows.next();
      out.values += values.size();
      const auto odd = std::count_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
      if (odd > 0 && out.not_finite == 0) out.first_tensor = tensor.name;
      out.not_finite += static_cast<std::uint64_t>(odd);
      if (auto told = tell(progress, done, total); !told) return base::pass_on(told);
    }
    done += tensor.bytes;
  }
  return out;
}

std::string weight_type_name(std::uint32_t type) {
  const char* const name = type < GGML_TYPE_COUNT ? ggml_type_name(static_cast<ggml_type>(type)) : nullptr;
  std::string out = name == nullptr ? "?" : name;
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

std::string file_type_name(std::uint64_t file_type) {
  const char* const name = file_type < 64 ? llama_ftype_name(static_cast<llama_ftype>(file_type)) : nullptr;
  return name == nullptr ? "?" : name;
}

}  // namespace blindbox::completion
