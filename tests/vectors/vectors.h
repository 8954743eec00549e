// SPDX-License-Identifier: Apache-2.0
// Finds and reads the evidence that lies outside the repository.
#pragma once

#include <string>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::vectors {

// The folder of SEV-SNP cases, empty where it is absent.
[[nodiscard]] std::string sev_snp_folder();
[[nodiscard]] bool present();

// A file of the SEV-SNP cases. Fails the running test where it cannot be read; the same below.
[[nodiscard]] Bytes read(const std::string& name);
// A file of any family: "aci/kms-svn100/report.bin".
[[nodiscard]] Bytes read_evidence(const std::string& name);
// All the PEM blocks of such a file, as DER.
[[nodiscard]] std::vector<Bytes> read_pems(const std::string& name);
// The first PEM block of a file, as DER.
[[nodiscard]] Bytes read_pem(const std::string& name);

}  // namespace blindbox::vectors

#define BLINDBOX_NEED_VECTORS()        \
  if (!::blindbox::vectors::present()) \
  GTEST_SKIP() << "SKIPPED: no real evidence at hand; set BLINDBOX_VECTORS to the folder that holds it"
