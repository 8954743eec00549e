// SPDX-License-Identifier: Apache-2.0
// What every interface hands back, put together in one place.
#pragma once

#include <string>

#include "blindbox/base/bytes.h"
#include "blindbox/evidence/evidence.h"

namespace blindbox::attester::internal {

// A report of the wrong length or about other report data comes from a broken or hostile platform. No client would
// accept it; said here, the operator learns why. The report is not verified by this.
[[nodiscard]] Result<evidence::Evidence> make_evidence(Bytes report, const ByteArray<64>& report_data,
                                                       ByteView certificate_table, const std::string& source);

}  // namespace blindbox::attester::internal
