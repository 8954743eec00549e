// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/vmsa.h"

#include "blindbox/measure/internal/ext4_format.h"

namespace blindbox::measure::internal {
namespace {

constexpr std::uint32_t kResetVector = 0xfffffff0;
constexpr std::uint64_t kPat = 0x7040600070406;

void put_segment(Page& page, std::size_t offset, std::uint16_t selector, std::uint16_t attributes, std::uint64_t base,
                 std::uint32_t limit = 0xffff) {
  put(page, offset, selector);
  put(page, offset + 2, attributes);
  put(page, offset + 4, limit);
  put(page, offset + 8, base);
}

struct Flavour {
  std::uint16_t code, stack, task;  // attributes of segments
  std::uint64_t pat;
  std::uint64_t rdx;
  std::uint32_t mxcsr;
  std::uint16_t x87_control;
};

Flavour flavour(const LaunchInput& input, bool first) {
  switch (input.hypervisor) {
    case Hypervisor::ec2: return {static_cast<std::uint16_t>(first ? 0x9a : 0x9b), 0x92, 0x83, kPat, 0x600, 0, 0};
    case Hypervisor::gce: return {0x9b, 0x93, 0x8b, 0x70106, 0x600, 0, 0};
    case Hypervisor::qemu: break;
  }
  return {0x9b, 0x93, 0x8b, kPat, input.cpu_signature, 0x1f80, 0x37f};
}

// What all have in common: a CPU after its reset, as KVM hands it over.
Page reset_state() {
  Page page{};
  put_segment(page, 0x50, 0, 0x93, 0);          // gs
  put_segment(page, 0x60, 0, 0, 0);             // gdtr
  put_segment(page, 0x70, 0, 0x82, 0);          // ldtr
  put_segment(page, 0x80, 0, 0, 0);             // idtr
  put(page, 0xd0, std::uint64_t{0x1000});       // efer: SVME
  put(page, 0x148, std::uint64_t{0x40});        // cr4: MCE
  put(page, 0x158, std::uint64_t{0x10});        // cr0
  put(page, 0x160, std::uint64_t{0x400});       // dr7
  put(page, 0x168, std::uint64_t{0xffff0ff0});  // dr6
  put(page, 0x170, std::uint64_t{0x2});         // rflags
  put(page, 0x268, kPat);
  put(page, 0x3e8, std::uint64_t{1});  // xcr0
  return page;
}

}  // namespace

Page initial_vmsa(const LaunchInput& input, std::uint32_t address) {
  const Flavour own = flavour(input, address == kResetVector);
  Page page = reset_state();
  for (const std::size_t data : {0x00U, 0x30U, 0x40U}) put_segment(page, data, 0, 0x93, 0);  // es, ds, fs
  put_segment(page, 0x10, 0xf000, own.code, address & 0xffff0000U);
  put_segment(page, 0x20, 0, own.stack, 0);
  put_segment(page, 0x90, 0, own.task, 0);
  put(page, 0x178, std::uint64_t{address & 0xffffU});
  put(page, 0x268, own.pat);
  put(page, 0x310, own.rdx);
  if (input.mode == SevMode::sev_snp) put(page, 0x3b0, input.guest_features);
  put(page, 0x408, own.mxcsr);
  put(page, 0x410, own.x87_control);
  return page;
}

Page svsm_vmsa(std::uint32_t cpu_signature, std::uint64_t address) {
  constexpr std::uint32_t kAll = 0xffffffff;
  Page page = reset_state();
  for (const std::size_t data : {0x00U, 0x20U, 0x30U, 0x40U}) put_segment(page, data, 16, 0xc93, 0, kAll);
  put_segment(page, 0x10, 8, 0xc9b, 0, kAll);
  put_segment(page, 0x90, 0, 0x8b, 0);
  put(page, 0x158, std::uint64_t{0x11});  // cr0: in protected mode
  put(page, 0x178, address);
  put(page, 0x310, std::uint64_t{cpu_signature});
  put(page, 0x3b0, std::uint64_t{1});       // SEV_FEATURES
  put(page, 0x408, std::uint32_t{0x1f80});  // mxcsr; the x87 control word stays 0, as in sev-snp-measure 0.0.13
  return page;
}

}  // namespace blindbox::measure::internal
