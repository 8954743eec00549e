// SPDX-License-Identifier: Apache-2.0
// Azure's endorsement of the utility VM: carried, not judged in this release. A policy pins measurements itself.
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::Answer;
using internal::AppraiseContext;

Answer judge(const AppraiseContext& context) {
  const std::size_t size = context.subject.evidence.uvm_endorsement.size();
  return internal::not_requested("not judged in this release",
                                 size == 0 ? "none" : std::to_string(size) + " bytes, NOT VERIFIED");
}

}  // namespace

constinit const AppraiseCheck kUvmEndorsement{
    "azure.uvm_endorsement",
    "docs/checks.md",
    "",
    "",
    &judge,
    "Says that Azure's endorsement of the utility VM was not verified by this release."};

}  // namespace blindbox::verifier::checks
