// SPDX-License-Identifier: Apache-2.0
// verify_report DATE REPORT CERTIFICATE...: a SEV-SNP report and its chain (DER), judged as of DATE by the safe defaults.
#include <cstdio>

#include "blindbox/base/file.h"
#include "blindbox/policy/policy.h"
#include "blindbox/verifier/report_text.h"
#include "blindbox/verifier/verify.h"

int main(int argc, char** argv) {
  using namespace blindbox;
  if (argc < 3) return 2;
  const auto at = base::from_iso8601(argv[1]);
  if (!at) return 2;
  evidence::Evidence evidence;
  for (int i = 2; i < argc; ++i) {
    const auto bytes = base::read_file(argv[i], std::size_t{1} << 20);
    if (!bytes) return std::fprintf(stderr, "%s\n", base::to_string(bytes.error()).c_str()), 6;
    if (i == 2) evidence.report = *bytes;
    if (i > 2) evidence.certificates.push_back(*bytes);
  }
  const auto verdict =
      verifier::verify({.evidence = evidence, .freshness_not_requested = true}, policy::safe_defaults(), *at);
  std::fputs(verifier::render_table(verdict, {}).c_str(), stdout);
  return verdict.accepted() ? 0 : base::exit_code(verdict.refusal().kind);
}
