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
extern const ParseCheck kAzureVmHclFormat;
extern const ParseCheck kAzureVmReport;
extern const ParseCheck kAzureVmQuoteFormat;
extern const ParseCheck kReportSize;
extern const ParseCheck kReportVersion;
extern const ParseCheck kReportLayout;
extern const ParseCheck kCertificatesReadable;
extern const ParseCheck kUvmFormat;

// Authenticate: who says so? Stops at the first failure.
extern const AuthenticateCheck kMaskChipKey;
extern const AuthenticateCheck kSigningKey;
extern const AuthenticateCheck kChainComplete;
extern const AuthenticateCheck kRoot;
extern const AuthenticateCheck kChainNames;
extern const AuthenticateCheck kChainAlgorithms;
extern const AuthenticateCheck kChainAuthority;
extern const AuthenticateCheck kChainDates;
extern const AuthenticateCheck kChainSignatures;
extern const AuthenticateCheck kCrl;
extern const AuthenticateCheck kLeafExtensions;
extern const AuthenticateCheck kSignature;
extern const AuthenticateCheck kProduct;
extern const AuthenticateCheck kTcbLayout;
extern const AuthenticateCheck kTcbReported;
extern const AuthenticateCheck kChipId;
extern const AuthenticateCheck kAzureVmReportData;
extern const AuthenticateCheck kAzureVmAttestationKey;
extern const AuthenticateCheck kAzureVmQuoteSignature;
extern const AuthenticateCheck kAzureVmPcrDigest;
extern const AuthenticateCheck kUvmAlgorithm;
extern const AuthenticateCheck kUvmChain;
extern const AuthenticateCheck kUvmSignature;
extern const AuthenticateCheck kUvmIssuer;

// Appraise: do we accept it? All of them run.
extern const AppraiseCheck kProductAllowed;
extern const AppraiseCheck kTcbCommitted;
extern const AppraiseCheck kTcbMinimum;
extern const AppraiseCheck kTcbLaunch;
extern const AppraiseCheck kFirmwareMinimum;
extern const AppraiseCheck kDebugDisabled;
extern const AppraiseCheck kMigrateMaDisabled;
extern const AppraiseCheck kMinimumAbi;
extern const AppraiseCheck kSmtDisabled;
extern const AppraiseCheck kSingleSocket;
extern const AppraiseCheck kCxlDisabled;
extern const AppraiseCheck kAes256Xts;
extern const AppraiseCheck kRaplDisabled;
extern const AppraiseCheck kCiphertextHiding;
extern const AppraiseCheck kPageSwapDisabled;
extern const AppraiseCheck kAliasCheck;
extern const AppraiseCheck kPlatformRequired;
extern const AppraiseCheck kPlatformRefused;
extern const AppraiseCheck kLaunchMitigations;
extern const AppraiseCheck kCurrentMitigations;
extern const AppraiseCheck kVmpl;
extern const AppraiseCheck kChipIdAllowed;
extern const AppraiseCheck kReportData;
extern const AppraiseCheck kMeasurement;
extern const AppraiseCheck kHostData;
extern const AppraiseCheck kFamilyId;
extern const AppraiseCheck kImageId;
extern const AppraiseCheck kIdKey;
extern const AppraiseCheck kAuthorKey;
extern const AppraiseCheck kGuestSvn;
extern const AppraiseCheck kAzureVmQuoteFreshness;
extern const AppraiseCheck kAzureVmPcrs;
extern const AppraiseCheck kAzureVmParavisor;
extern const AppraiseCheck kSecurityPolicy;
extern const AppraiseCheck kUvmIssuerAllowed;
extern const AppraiseCheck kUvmFeed;
extern const AppraiseCheck kUvmSvn;
extern const AppraiseCheck kUvmMeasurement;
extern const AppraiseCheck kManifestFormat;
extern const AppraiseCheck kManifestModel;
extern const AppraiseCheck kManifestSoftware;
extern const AppraiseCheck kManifestIsolation;
extern const AppraiseCheck kManifestIsolationPolicy;

[[nodiscard]] std::span<const ParseCheck* const> parse_checks();
[[nodiscard]] std::span<const AuthenticateCheck* const> authenticate_checks();
[[nodiscard]] std::span<const AppraiseCheck* const> appraise_checks();

}  // namespace blindbox::verifier::checks
