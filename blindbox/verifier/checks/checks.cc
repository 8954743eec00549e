// SPDX-License-Identifier: Apache-2.0
#include "blindbox/verifier/checks/checks.h"

#include <array>

namespace blindbox::verifier::checks {
namespace {

constexpr std::array kParse = {&report_size, &report_version, &report_layout, &certificates_readable};

// Cheap ones first; everything that reads the leaf's extensions comes after the chain's signatures, so that nothing
// is believed of a certificate before AMD's key vouches for it.
constexpr std::array kAuthenticate = {
    &mask_chip_key,   &signing_key, &chain_complete,   &root,    &chain_names,     &chain_algorithms,
    &chain_authority, &chain_dates, &chain_signatures, &crl,     &leaf_extensions, &signature,
    &product,         &tcb_layout,  &tcb_reported,     &chip_id,
};

constexpr std::array kAppraise = {
    &product_allowed, &tcb_committed,     &tcb_minimum,
    &tcb_launch,      &debug_disabled,    &migrate_ma_disabled,
    &smt_disabled,    &single_socket,     &vmpl,
    &chip_id_allowed, &report_data,       &measurement,
    &host_data,       &uvm_endorsement,   &manifest_format,
    &manifest_model,  &manifest_software, &manifest_isolation,
};

}  // namespace

std::span<const ParseCheck* const> parse_checks() { return kParse; }
std::span<const AuthenticateCheck* const> authenticate_checks() { return kAuthenticate; }
std::span<const AppraiseCheck* const> appraise_checks() { return kAppraise; }

}  // namespace blindbox::verifier::checks
