// SPDX-License-Identifier: Apache-2.0
// One emulated case, and bytes written as other tools write them, for the tests of this folder.
#pragma once

#include <string>

#include "blindbox/emulator/certificate_table.h"
#include "blindbox/emulator/testing.h"
#include "blindbox/intake/intake.h"

namespace blindbox::intake::testing {

inline Bytes bytes_of(const std::string& text) { return base::to_bytes(base::view(text)); }
inline std::string text_of(const Bytes& bytes) { return std::string(base::as_text(bytes)); }

inline Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline std::string pem(const Bytes& der, const std::string& label = "CERTIFICATE", const std::string& line_end = "\n") {
  const std::string base64 = base::to_base64(der);
  std::string out = "-----BEGIN " + label + "-----" + line_end;
  for (std::size_t at = 0; at < base64.size(); at += 64) out += base64.substr(at, 64) + line_end;
  return out + "-----END " + label + "-----" + line_end;
}

// Report, leaf, ASK and ARK of an emulated Milan guest, and a list of its root.
inline const evidence::Evidence& genuine() {
  static const evidence::Evidence evidence = [] {
    const auto processor = emulator::test_processor();
    evidence::Evidence made = processor->evidence(emulator::Guest{}, ByteArray<64>{std::byte{1}});
    const auto day = std::chrono::hours(24);
    made.crls = {processor->crl(emulator::Product::milan, {}, base::now() - day, base::now() + day)};
    return made;
  }();
  return evidence;
}

}  // namespace blindbox::intake::testing
