// SPDX-License-Identifier: Apache-2.0
// Nobody outside the verifier makes an authentic report out of an unverified one.
// error: AuthenticReport::AuthenticReport.*is private within|calling a private constructor of class 'blindbox::verifier::AuthenticReport'
#include "blindbox/verifier/authentic_report.h"

using blindbox::evidence::sev_snp::Product;
using blindbox::evidence::sev_snp::UnverifiedReport;
using blindbox::verifier::AuthenticReport;

bool use(const AuthenticReport& report) { return report.emulated(); }

#ifdef FORBIDDEN
bool forge() { return use(AuthenticReport(UnverifiedReport{}, Product::milan, false)); }
#endif
