// SPDX-License-Identifier: Apache-2.0
// Which tensors of a checkpoint make which tensors of a GGUF file, and how: names, rows in another order, layers that
// are kept transposed, and parts that belong together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "blindbox/model/checkpoint.h"
#include "blindbox/model/config.h"

namespace blindbox::model {

// Rows of one tensor of the checkpoint.
struct Piece {
  const SafeTensor* source = nullptr;
  std::uint64_t rows = 0;
  std::uint64_t first = 0;  // of the source; 0 where it is transposed
};

struct PlannedTensor {
  std::string name;         // in the GGUF file
  unsigned dimensions = 2;  // 1 for vectors
  std::uint64_t columns = 0;
  std::uint64_t rows = 1;
  std::vector<Piece> pieces{};  // one below the other
  bool transposed = false;      // the sources keep their columns as rows
  // Rows of each head are in the order of transformers' rotary embedding (one half behind the other) and become those
  // of llama.cpp's (pairs): the size of a head; 0 for none.
  std::uint64_t rotary_head = 0;
  std::vector<float> values{};  // in place of pieces: what the configuration says
};

// All tensors of the model in the order in which they are written. ErrorKind::malformed for a tensor that is missing, of
// another shape or type, and for one that belongs to nothing that is known.
[[nodiscard]] Result<std::vector<PlannedTensor>> plan_tensors(const Config& config, const Checkpoint& checkpoint);

}  // namespace blindbox::model
