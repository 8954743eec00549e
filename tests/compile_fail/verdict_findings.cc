// SPDX-License-Identifier: Apache-2.0
// Nobody outside the verifier takes a failure out of a verdict.
// error: passing .*const.* as .*this.* argument discards qualifiers|no matching member function for call to 'clear'|not marked const
#include "blindbox/verifier/verdict.h"

std::size_t use(const blindbox::verifier::Verdict& verdict) { return verdict.findings().size(); }

#ifdef FORBIDDEN
void whitewash(blindbox::verifier::Verdict& verdict) { verdict.findings().clear(); }
#endif
