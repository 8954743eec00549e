// SPDX-License-Identifier: Apache-2.0
// What is it? Asked of whole files and of everything within: a text may be the base64 of JSON whose members are base64.
#pragma once

#include <string>

#include "blindbox/intake/internal/collector.h"

namespace blindbox::intake::internal {

// Encodings within encodings; the deepest real one has four (a MAA request: JSON, base64, JSON, base64, JSON, base64).
inline constexpr int kMostLayers = 8;

struct Reading {
  Collector& collector;
  const std::string& name;  // of the source, for messages
  int layer = 0;
  // The source is nothing but this, so that its size may tell what it is where no magic number does.
  bool alone = true;

  [[nodiscard]] Reading inside() const { return {collector, name, layer + 1, false}; }
  [[nodiscard]] Reading decoded() const { return {collector, name, layer + 1, alone}; }
};

// Hands what it knows to the collector. False: it is none of the forms. Malformed: it is one and is broken, or
// contradicts what came before.
[[nodiscard]] Result<bool> recognise(ByteView bytes, const Reading& reading);

// Malformed, about the source at hand: it is evidence beyond doubt, and damaged, which must not be passed over.
[[nodiscard]] tl::unexpected<Error> broken(const Reading& reading, const std::string& why);

// False, with the reason: it begins like a form that many things have, and cannot be read as that. In a folder it is
// left aside; a source that was named is refused for it.
[[nodiscard]] Result<bool> unreadable(const Reading& reading, const std::string& why);

// Each answers for one family of forms, as recognise does.
[[nodiscard]] Result<bool> read_report(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_firmware_response(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_bundle(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_hcl_report(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_quote(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_by_size(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_serialized_pcrs(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_tpm2_text(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_cose(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_certificate_table(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_der(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_pem(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_json(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_security_policy(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_dump(ByteView bytes, const Reading& reading);
[[nodiscard]] Result<bool> read_encoded(ByteView bytes, const Reading& reading);

}  // namespace blindbox::intake::internal
