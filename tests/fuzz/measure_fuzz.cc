// SPDX-License-Identifier: Apache-2.0
// What a user has measured: firmware with its table, a unified kernel image, an initdata document. A refusal is about the
// file, and measuring twice gives the same.
#include "blindbox/measure/initdata.h"
#include "blindbox/measure/launch_digest.h"
#include "blindbox/measure/uki.h"
#include "tests/fuzz/fuzz.h"

namespace {

template <typename Measure>
auto twice(Measure measure) {
  auto first = measure();
  const auto second = measure();
  blindbox::fuzz::must(first.has_value() == second.has_value(), "measuring is repeatable");
  if (!first) {
    const auto kind = first.error().kind;
    blindbox::fuzz::must(kind != blindbox::ErrorKind::internal, "a refusal is about the file");
  }
  return first;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  using namespace blindbox::measure;
  // A section of the table may ask for gigabytes of zero pages, which are hashed honestly and slowly: only small ones here.
  constexpr std::size_t kMostFirmware = 16384;
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto initdata = twice([&] { return measure_initdata(input); });
  if (initdata) must(!initdata->digest.empty() && !initdata->algorithm.empty(), "a document names its algorithm");
  const auto uki = twice([&] { return measure_uki(input); });
  if (uki) must(!uki->sections.empty(), "an image that is measured has sections");
  if (size <= kMostFirmware) {
    (void)twice([&] { return firmware_digest(input); });
    LaunchInput launch;
    launch.mode = SevMode::sev;
    (void)twice([&] { return launch_digest(input, launch); });
  }
  return 0;
}
