// SPDX-License-Identifier: Apache-2.0
// Can what AMD certifies about the chip be read without doubt?
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::AuthenticateContext;

Answer judge(const AuthenticateContext& context) {
  const auto actual = [&]() -> std::string {
    if (context.leaf) return "so they are";
    const Error& error = context.leaf.error();
    return error.detail.empty() ? error.what : error.detail;
  }();
  return answer(context.leaf.has_value(), "AMD's extensions, each exactly once", actual);
}

}  // namespace

constinit const AuthenticateCheck kLeafExtensions{
    "sev_snp.leaf.extensions",
    "AMD 57230, certificate extensions",
    "the leaf certificate's extensions cannot be read",
    "",
    &judge,
    "Keeps chip and TCB from being read from ambiguous or missing extensions."};

}  // namespace blindbox::verifier::checks
