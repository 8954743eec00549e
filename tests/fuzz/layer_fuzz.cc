// SPDX-License-Identifier: Apache-2.0
// A layer either has digests, the same each time, or is refused as malformed or too large. What was accepted is an image
// of whole blocks.
#include <sys/mman.h>
#include <unistd.h>

#include "blindbox/measure/layer.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::ByteView;

blindbox::Result<blindbox::measure::LayerMeasurement> measure(ByteView input) {
  blindbox::base::Fd file(::memfd_create("layer", MFD_CLOEXEC));
  blindbox::fuzz::must(::write(file.get(), input.data(), input.size()) == static_cast<ssize_t>(input.size()),
                       "written");
  ::lseek(file.get(), 0, SEEK_SET);
  blindbox::measure::LayerOptions options;
  options.max_size = std::uint64_t{4} << 20;  // holes are cheap to write and dear to hash
  return blindbox::measure::measure_layer(std::move(file), "layer", options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::ErrorKind;
  using blindbox::fuzz::must;
  const ByteView input = blindbox::fuzz::input(data, size);
  const auto once = measure(input);
  if (!once) {
    const ErrorKind kind = once.error().kind;
    must(kind == ErrorKind::malformed || kind == ErrorKind::limit, "a refusal says that the layer is to blame");
    return 0;
  }
  must(once->ext4_size % 4096 == 0 && once->ext4_size >= 57344, "an image of whole blocks");
  const auto twice = measure(input);
  must(twice && twice->ext4_sha256 == once->ext4_sha256 && twice->root_hash == once->root_hash, "the same each time");
  return 0;
}
