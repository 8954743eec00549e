// SPDX-License-Identifier: Apache-2.0
// Nor out of nothing.
// error: no matching function for call to .*AuthenticReport|no matching constructor for initialization of .*AuthenticReport|no default constructor
#include "blindbox/verifier/authentic_report.h"

bool use(const blindbox::verifier::AuthenticReport& report) { return report.emulated(); }

#ifdef FORBIDDEN
bool forge() {
  const blindbox::verifier::AuthenticReport report{};
  return use(report);
}
#endif
