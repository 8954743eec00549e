// SPDX-License-Identifier: Apache-2.0
// Finds and reads the evidence that lies outside the repository.
#pragma once

#include <string>

#include "blindbox/base/bytes.h"

namespace blindbox::vectors {

// The folder of SEV-SNP cases, empty where it is absent.
[[nodiscard]] std::string sev_snp_folder();
[[nodiscard]] bool present();

// Fails the running test where the file cannot be read.
[[nodiscard]] Bytes read(const std::string& name);
// The first PEM block of a file, as DER.
[[nodiscard]] Bytes read_pem(const std::string& name);

}  // namespace blindbox::vectors

#define BLINDBOX_NEED_VECTORS()        \
  if (!::blindbox::vectors::present()) \
  GTEST_SKIP() << "SKIPPED: no real evidence at hand; set BLINDBOX_VECTORS to the folder that holds it"
