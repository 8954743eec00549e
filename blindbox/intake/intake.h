// SPDX-License-Identifier: Apache-2.0
// Files in, evidence out. docs/verifying.md lists the forms.
#pragma once

#include <string>
#include <vector>

#include "blindbox/evidence/evidence.h"

namespace blindbox::intake {

// Caps, judged before anything is read or decoded.
inline constexpr std::size_t kFileCap = std::size_t{16} << 20;
inline constexpr std::size_t kTotalCap = std::size_t{256} << 20;  // one file is in memory at a time
inline constexpr std::size_t kMostFiles = 1024;
inline constexpr std::size_t kJsonCap = std::size_t{2} << 20;

struct Blob {
  std::string name;  // for messages; it decides only where the content leaves a choice
  Bytes bytes;
  bool optional = false;  // not asked for by name: what it holds may be none of our business
};

struct Source {
  std::string name;
  std::string form;  // "SEV-SNP report", "3 certificates, UVM endorsement"; for one that is left aside, why
  bool ignored = false;
};

struct Intake {
  evidence::Evidence evidence;
  // The service manifest of a bundle that was saved, or empty. Its channel is gone: nothing vouches for it any more.
  Bytes manifest;
  std::vector<Source> sources;  // in the order given
};

// Malformed: a blob that is not optional and not recognised, or not in all of its parts; any that is evidence beyond
// doubt and damaged; two that hold different values of what there can be only one of (a report, a UVM endorsement, ...);
// or no report at all. The error names the blobs. An optional blob that cannot be read is left aside.
[[nodiscard]] Result<Intake> read_blobs(const std::vector<Blob>& blobs);

// A file, a folder (its files, not those of folders within) or "-", the standard input. ErrorKind::io where one that was
// named cannot be read or is no regular file, which in a folder is left aside; malformed beyond the caps; else as
// read_blobs.
[[nodiscard]] Result<Intake> read_sources(const std::vector<std::string>& sources);

}  // namespace blindbox::intake
