// SPDX-License-Identifier: Apache-2.0
// Do root, leaf and report speak of the same product, and does the policy accept it? A product decides how the TCB is
// read, and whole products fall (docs/threat-model.md), so a policy lists the ones that it still trusts.
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::sev_snp::Product;
using evidence::sev_snp::product_name;
using internal::answer;
using internal::Answer;
using internal::AppraiseContext;
using internal::AuthenticateContext;

std::string name(const std::optional<Product>& product) {
  return product ? std::string(product_name(*product)) : "unknown";
}

Answer judge_agreement(const AuthenticateContext& context) {
  const auto& report = context.report;
  const std::string expected = name(context.trust.product) + ", as the root says";
  if (!context.trust.product || !context.leaf) return answer(false, expected, "no leaf to compare with");
  const bool leaf_agrees = context.leaf->product == *context.trust.product;
  // Version 2 reports do not carry the processor's family and model.
  const bool report_agrees = report.version < 3 || report.product() == context.trust.product;
  std::string actual = "leaf " + name(context.leaf->product) + ", report ";
  actual += report.version < 3 ? "does not say (version 2)" : name(report.product());
  return answer(leaf_agrees && report_agrees, expected, actual);
}

Answer judge_allowed(const AppraiseContext& context) {
  const auto& products = context.policy.sev_snp.products;
  std::string expected;
  for (const auto& [product, floor] : products) {
    expected += (expected.empty() ? "" : ", ") + name(product);
  }
  return answer(products.contains(context.report.product()), expected.empty() ? "no product" : expected,
                name(context.report.product()));
}

}  // namespace

constinit const AuthenticateCheck kProduct{
    "sev_snp.product",
    "AMD 56860 rev. 1.58, Table 23, CPUID_FAM_ID, CPUID_MOD_ID",
    "report and certificates speak of different products",
    "",
    &judge_agreement,
    "Keeps a TCB from being read in another product's layout, where the report names its product."};
constinit const AppraiseCheck kProductAllowed{"sev_snp.product.allowed",
                                              "docs/threat-model.md, products",
                                              "the policy does not accept this product",
                                              "add it under sev_snp.products together with its minimum TCB",
                                              &judge_allowed,
                                              "Refuses a product that the owner no longer trusts."};

}  // namespace blindbox::verifier::checks
