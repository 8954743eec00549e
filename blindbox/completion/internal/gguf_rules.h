// SPDX-License-Identifier: Apache-2.0
// What BlindBox accepts inside a well-formed GGUF header: architectures, shapes, tensor types.
#pragma once

#include <cstdint>
#include <optional>

#include "blindbox/completion/gguf.h"

namespace blindbox::completion {

// Known architecture, and numbers that llama.cpp divides by or allocates from within sane bounds.
[[nodiscard]] Result<void> check_metadata(const Gguf& gguf);

// How many bytes the tensor takes by its shape and type; nothing for an unknown type or an impossible shape.
[[nodiscard]] std::optional<std::uint64_t> tensor_bytes(const GgufTensor& tensor);

}  // namespace blindbox::completion
