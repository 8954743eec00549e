// SPDX-License-Identifier: Apache-2.0
// Tensors of a header that is accepted lie one behind the other from its end to the end of the file, as large as their
// shapes say; a file with one byte less or more is not accepted any more.
#include "blindbox/model/safetensors.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  namespace model = blindbox::model;
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto tensors = model::read_safetensors_header(input, size);
  if (!tensors) {
    const auto kind = tensors.error().kind;
    must(kind == blindbox::ErrorKind::malformed || kind == blindbox::ErrorKind::limit, "a refusal is the file's fault");
    return 0;
  }
  std::uint64_t end = 8 + model::safetensors_header_size(input, size).value();
  for (const auto& tensor : *tensors) {
    must(tensor.begin == end, "no gap and no overlap");
    end += tensor.bytes;
    std::uint64_t values = 1;
    for (const std::uint64_t dimension : tensor.shape) values *= dimension;
    must(tensor.dtype == model::Dtype::other || values * (tensor.dtype == model::Dtype::f32 ? 4 : 2) == tensor.bytes,
         "as large as its shape");
  }
  must(end == size, "the last tensor ends with the file");
  must(!model::read_safetensors_header(input, size + 1), "a longer file is refused");
  must(end == 8 || !model::read_safetensors_header(input.first(size - 1), size - 1), "a shorter file is refused");
  return 0;
}
