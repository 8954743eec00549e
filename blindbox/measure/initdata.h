// SPDX-License-Identifier: Apache-2.0
// The digests of a Confidential Containers initdata document (Kata Containers, "initdata"): the host hands it to the
// guest, and the hardware reports what it was.
#pragma once

#include <optional>
#include <string>

#include "blindbox/base/digest.h"

namespace blindbox::measure {

constexpr std::size_t kInitdataCap = std::size_t{4} << 20;

struct InitdataDigests {
  std::string algorithm;  // the document's own: sha256, sha384 or sha512
  Bytes digest;           // over its bytes exactly as they are
  // The digest cut, or filled with zeros, to what SEV-SNP's HOST_DATA and TDX's MRCONFIGID hold.
  ByteArray<32> host_data{};
  ByteArray<48> mr_config_id{};
  // A vTPM's PCR 8, extended once by the digest; only for sha256, which is what that bank takes.
  std::optional<base::Sha256> pcr8;
};

// The TOML document itself, not the compressed annotation. ErrorKind::malformed where it names no known algorithm.
[[nodiscard]] Result<InitdataDigests> measure_initdata(ByteView document);

}  // namespace blindbox::measure
