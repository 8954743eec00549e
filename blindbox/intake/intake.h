// SPDX-License-Identifier: Apache-2.0
// Files in, evidence out. docs/verifying.md lists the forms.
#pragma once

#include <string>
#include <vector>

#include "blindbox/evidence/evidence.h"

namespace blindbox::intake {

// Caps, judged before anything is read or decoded.
inline constexpr std::size_t kFileCap = std::size_t{16} << 20;
inline constexpr std::size_t kTotalCap = std::size_t{64} << 20;
inline constexpr std::size_t kMostFiles = 64;
inline constexpr std::size_t kJsonCap = std::size_t{2} << 20;

struct Blob {
  std::string name;  // for messages; it decides only where the content leaves a choice
  Bytes bytes;
  bool optional = false;  // not asked for by name: what it holds may be none of our business
};

struct Source {
  std::string name;
  std::string form;  // "SEV-SNP report", "3 certificates, UVM endorsement"; for an ignored one, why
  bool ignored = false;
};

struct Intake {
  evidence::Evidence evidence;
  std::vector<Source> sources;  // in the order given
};

// Malformed: a blob that is not optional and not recognised, one that is broken, two that hold different values of
// what there can be only one of (a report, a UVM endorsement, ...), or no report at all. The error names the blobs.
[[nodiscard]] Result<Intake> read_blobs(const std::vector<Blob>& blobs);

// A file, a folder (its files, not those of folders within) or "-", the standard input. ErrorKind::io where one cannot
// be read or is no regular file; malformed beyond the caps; else as read_blobs.
[[nodiscard]] Result<Intake> read_sources(const std::vector<std::string>& sources);

}  // namespace blindbox::intake
