// SPDX-License-Identifier: Apache-2.0
// The safetensors format (https://github.com/huggingface/safetensors, "Format"): eight bytes of length, a JSON object
// that says where each tensor lies, then the tensors one behind the other. It carries no code. A file that breaks one of
// its rules is refused: header past its cap, a tensor outside the file, of another size than its shape says, over
// another, or with a gap before it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::model {

// The weights' types that we read; others (F64, I64, BOOL, F8...) are named and refused where they are needed.
enum class Dtype { f32, f16, bf16, other };

struct SafeTensor {
  std::string name;
  std::string dtype_name;  // as the file says it
  Dtype dtype = Dtype::other;
  std::vector<std::uint64_t> shape;  // slowest dimension first; none for a scalar
  std::uint64_t begin = 0;           // from the start of the file
  std::uint64_t bytes = 0;
};

inline constexpr std::uint64_t kSafetensorsHeaderCap = std::uint64_t{100} << 20;  // the reference's own

// start: the file's first bytes, at least its header (8 and what they say) where the file has them; file_size: of all
// of it. In the order in which the tensors lie in the file. ErrorKind::malformed, or ErrorKind::limit past a cap.
[[nodiscard]] Result<std::vector<SafeTensor>> read_safetensors_header(ByteView start, std::uint64_t file_size);

// The header's length, of the first eight bytes: what read_safetensors_header() needs in all is eight more.
[[nodiscard]] Result<std::uint64_t> safetensors_header_size(ByteView first_eight, std::uint64_t file_size);

}  // namespace blindbox::model
