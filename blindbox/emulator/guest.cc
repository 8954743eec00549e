// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/guest.h"

#include "blindbox/base/digest.h"

namespace blindbox::emulator {

Tcb usual_tcb(Product product) {
  switch (product) {
    case Product::milan: return {.fmc = 0, .bootloader = 0x04, .tee = 0, .snp = 0x18, .microcode = 0xdb};
    case Product::genoa: return {.fmc = 0, .bootloader = 0x0a, .tee = 0, .snp = 0x17, .microcode = 0x54};
    case Product::turin: return {.fmc = 1, .bootloader = 0x01, .tee = 1, .snp = 0x04, .microcode = 0x51};
  }
  return {};
}

FirmwareVersion usual_firmware(Product product) {
  switch (product) {
    case Product::milan: return {.build = 0x1d, .minor = 0x37, .major = 1};
    case Product::genoa: return {.build = 0x28, .minor = 0x37, .major = 1};
    case Product::turin: return {.build = 0x41, .minor = 0x37, .major = 1};
  }
  return {};
}

ByteArray<48> measurement_of(const Guest& guest) {
  return guest.measurement.value_or(base::sha384(base::view("blindbox emulated guest")));
}

Tcb current_tcb_of(const Guest& guest) { return guest.tcb.value_or(usual_tcb(guest.product)); }

Tcb reported_tcb_of(const Guest& guest) { return guest.reported_tcb.value_or(current_tcb_of(guest)); }

}  // namespace blindbox::emulator
