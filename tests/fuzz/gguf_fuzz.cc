// SPDX-License-Identifier: Apache-2.0
// A GGUF header that is accepted names an architecture that we know, its tensors lie in the file one behind the other,
// and the file without its last tensor's last byte is not accepted any more.
#include "blindbox/completion/gguf.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto gguf = blindbox::completion::read_gguf(input);
  if (!gguf) {
    must(gguf.error().kind == blindbox::ErrorKind::model, "a refusal is an error of the model file");
    return 0;
  }
  const std::string& name = gguf->architecture;
  must(name == "starcoder" || name == "starcoder2" || name == "llama" || name == "qwen2", "a known architecture");
  must(!gguf->tensors.empty() && gguf->tokens.size() >= 2, "tensors and tokens");
  std::uint64_t end = gguf->data_offset;
  for (const auto& tensor : gguf->tensors) {
    must(tensor.bytes > 0 && tensor.bytes <= size, "a tensor has bytes");
    must(gguf->data_offset + tensor.offset >= end, "tensors do not overlap");
    end = gguf->data_offset + tensor.offset + tensor.bytes;
    must(end <= size, "a tensor lies inside the file");
  }
  must(!blindbox::completion::read_gguf(input.first(static_cast<std::size_t>(end - 1))),
       "a file that is cut is refused");
  return 0;
}
