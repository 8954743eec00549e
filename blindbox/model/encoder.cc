// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/encoder.h"

#include <cmath>

#include "blindbox/model/numbers.h"

namespace blindbox::model {
namespace {

// enum ggml_type and enum llama_ftype, for the plain forms.
constexpr std::uint32_t kF32 = 0, kF16 = 1, kBf16 = 30;
constexpr std::uint32_t kFileBf16 = 32;

Dtype dtype_of(std::uint32_t type) { return type == kF16 ? Dtype::f16 : type == kBf16 ? Dtype::bf16 : Dtype::f32; }

class Plain final : public Encoder {
 public:
  Plain(std::uint32_t type, std::uint32_t file_type) : type_(type), file_type_(file_type) {}

  [[nodiscard]] std::uint32_t file_type() const override { return file_type_; }
  [[nodiscard]] std::uint32_t type_of(const ModelShape& /*model*/, std::string_view tensor, unsigned dimensions,
                                      std::uint64_t /*columns*/) const override {
    return stays_f32(tensor, dimensions) ? kF32 : type_;
  }
  [[nodiscard]] std::uint64_t row_bytes(std::uint32_t type, std::uint64_t columns) const override {
    return columns * width_of(dtype_of(type));
  }
  [[nodiscard]] Result<void> encode(std::uint32_t type, std::span<const float> values, std::uint64_t /*columns*/,
                                    std::span<std::byte> out) const override {
    constexpr float kTooLarge = 65520;  // rounds to infinity
    if (type == kF16) {
      for (const float value : values) {
        if (std::fabs(value) < kTooLarge) continue;
        return base::fail(ErrorKind::model, "a weight is too large for F16", std::to_string(value),
                          "take bf16, f32 or a quantised type");
      }
    }
    model::encode(dtype_of(type), values, out);
    return {};
  }

 private:
  std::uint32_t type_;
  std::uint32_t file_type_;
};

}  // namespace

std::unique_ptr<Encoder> plain_encoder(std::string_view name) {
  if (name == "f32") return std::make_unique<Plain>(kF32, 0);
  if (name == "f16") return std::make_unique<Plain>(kF16, 1);
  if (name == "bf16") return std::make_unique<Plain>(kBf16, kFileBf16);
  return nullptr;
}

bool stays_f32(std::string_view tensor, unsigned dimensions) {
  return dimensions < 2 || tensor.ends_with("_norm.weight") || !tensor.ends_with(".weight") ||
         tensor == "position_embd.weight";
}

}  // namespace blindbox::model
