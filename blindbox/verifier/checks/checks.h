// SPDX-License-Identifier: Apache-2.0
// Every check, in the order in which they run. docs/checks.md is the same list for people; a test compares the two.
#pragma once

#include <span>

#include "blindbox/verifier/internal/check.h"

namespace blindbox::verifier::checks {

using internal::AppraiseCheck;
using internal::AuthenticateCheck;
using internal::ParseCheck;

// Parse: are these bytes what they claim to be? Stops at the first failure.
extern const ParseCheck report_size;
extern const ParseCheck report_version;
extern const ParseCheck report_layout;
extern const ParseCheck certificates_readable;

// Authenticate: who says so? Stops at the first failure.
extern const AuthenticateCheck mask_chip_key;
extern const AuthenticateCheck signing_key;
extern const AuthenticateCheck chain_complete;
extern const AuthenticateCheck root;
extern const AuthenticateCheck chain_names;
extern const AuthenticateCheck chain_algorithms;
extern const AuthenticateCheck chain_authority;
extern const AuthenticateCheck chain_dates;
extern const AuthenticateCheck chain_signatures;
extern const AuthenticateCheck crl;
extern const AuthenticateCheck leaf_extensions;
extern const AuthenticateCheck signature;
extern const AuthenticateCheck product;
extern const AuthenticateCheck tcb_layout;
extern const AuthenticateCheck tcb_reported;
extern const AuthenticateCheck chip_id;

// Appraise: do we accept it? All of them run.
extern const AppraiseCheck product_allowed;
extern const AppraiseCheck tcb_committed;
extern const AppraiseCheck tcb_minimum;
extern const AppraiseCheck tcb_launch;
extern const AppraiseCheck debug_disabled;
extern const AppraiseCheck migrate_ma_disabled;
extern const AppraiseCheck smt_disabled;
extern const AppraiseCheck single_socket;
extern const AppraiseCheck vmpl;
extern const AppraiseCheck chip_id_allowed;
extern const AppraiseCheck report_data;
extern const AppraiseCheck measurement;
extern const AppraiseCheck host_data;
extern const AppraiseCheck uvm_endorsement;
extern const AppraiseCheck manifest_format;
extern const AppraiseCheck manifest_model;
extern const AppraiseCheck manifest_software;
extern const AppraiseCheck manifest_isolation;

[[nodiscard]] std::span<const ParseCheck* const> parse_checks();
[[nodiscard]] std::span<const AuthenticateCheck* const> authenticate_checks();
[[nodiscard]] std::span<const AppraiseCheck* const> appraise_checks();

}  // namespace blindbox::verifier::checks
