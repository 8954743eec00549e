// SPDX-License-Identifier: Apache-2.0
// Nobody outside the verifier makes a verdict.
// error: Verdict::Verdict.*is private within|calling a private constructor of class 'blindbox::verifier::Verdict'
#include "blindbox/verifier/verdict.h"

bool use(const blindbox::verifier::Verdict& verdict) { return verdict.accepted(); }

#ifdef FORBIDDEN
bool forge() {
  blindbox::verifier::Verdict verdict;
  return use(verdict);
}
#endif
