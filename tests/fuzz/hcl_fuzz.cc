// SPDX-License-Identifier: Apache-2.0
// An HCL report that parses writes back as it was read, but for the request type and the padding, which nothing reads;
// its claims are one JSON object, and a key that was read has both numbers.
#include <algorithm>

#include "blindbox/evidence/azure_vm/hcl.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  namespace azure_vm = blindbox::evidence::azure_vm;
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto report = azure_vm::parse_hcl_report(input);
  if (!report) return 0;
  must(azure_vm::is_hcl_report(input), "an HCL report is recognised");
  must(report->report.size() == azure_vm::kHardwareReportSize, "the hardware's report is whole");
  must(std::ranges::equal(report->report, input.subspan(azure_vm::kHclHeaderSize, azure_vm::kHardwareReportSize)),
       "the hardware's report is the input's");
  const std::string_view text = blindbox::base::as_text(report->variable_data);
  must(text.find('{') != std::string_view::npos && text.rfind('}') != std::string_view::npos, "claims are an object");
  if (report->attestation_key) {
    must(!report->attestation_key->modulus.empty() && !report->attestation_key->exponent.empty(), "a key has numbers");
  }
  // As the header says: where the claims end. One byte less is not enough, whatever pads it.
  const auto length = static_cast<std::size_t>(data[8]) | static_cast<std::size_t>(data[9]) << 8U |
                      static_cast<std::size_t>(data[10]) << 16U;
  must(std::ranges::equal(report->variable_data, input.first(length).last(report->variable_data.size())),
       "the claims are the input's");
  must(azure_vm::parse_hcl_report(input.first(length)).has_value(), "padding is not needed");
  must(!azure_vm::parse_hcl_report(input.first(length - 1)), "nothing else can be left out");
  return 0;
}
