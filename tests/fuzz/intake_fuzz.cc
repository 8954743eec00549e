// SPDX-License-Identifier: Apache-2.0
// Whatever a file holds: a refusal is one of the file and says so; a report has its size; and the same bytes written in
// hexadecimal are read as the same evidence, if at all.
#include <string>

#include "blindbox/intake/intake.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::Bytes;
using blindbox::evidence::Evidence;

bool same(const Evidence& a, const Evidence& b) {
  return a.report == b.report && a.certificates == b.certificates && a.crls == b.crls &&
         a.uvm_endorsement == b.uvm_endorsement && a.security_policy == b.security_policy &&
         a.azure_vm.has_value() == b.azure_vm.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  using blindbox::intake::read_blobs;
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto intake = read_blobs({{"it", blindbox::base::to_bytes(input)}});
  if (!intake) {
    must(intake.error().kind == blindbox::ErrorKind::malformed, "a refusal is about the bytes");
    must((intake.error().what + intake.error().detail).find("it") != std::string::npos, "a refusal names the file");
    return 0;
  }
  must(intake->evidence.report.size() == 1184, "a report has 1184 bytes");
  must(intake->sources.size() == 1 && !intake->sources[0].form.empty(), "a source has a form");
  for (const Bytes& der : intake->evidence.certificates) must(!der.empty() && der.size() <= size, "a part of the file");
  const auto again =
      read_blobs({{"it", blindbox::base::to_bytes(blindbox::base::view(blindbox::base::to_hex(input)))}});
  if (again) must(same(intake->evidence, again->evidence), "an encoding changes nothing");
  return 0;
}
