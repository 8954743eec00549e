// SPDX-License-Identifier: Apache-2.0
#include "blindbox/verifier/internal/checks.h"

#include <array>

namespace blindbox::verifier::checks {
namespace {

// What an Azure VM hands out comes first: its report stands in there.
constexpr std::array kParse = {
    &kAzureVmHclFormat, &kAzureVmReport, &kAzureVmQuoteFormat,   &kReportSize,
    &kReportVersion,    &kReportLayout,  &kCertificatesReadable, &kUvmFormat,
};

// Cheap ones first; everything that reads the leaf's extensions comes after the chain's signatures, so that nothing
// is believed of a certificate before AMD's key vouches for it.
constexpr std::array kAuthenticate = {
    &kMaskChipKey,
    &kSigningKey,
    &kChainComplete,
    &kRoot,
    &kChainNames,
    &kChainAlgorithms,
    &kChainAuthority,
    &kChainDates,
    &kChainSignatures,
    &kCrl,
    &kLeafExtensions,
    &kSignature,
    &kProduct,
    &kTcbLayout,
    &kTcbReported,
    &kChipId,
    &kUvmAlgorithm,
    &kUvmChain,
    &kUvmSignature,
    &kUvmIssuer,
    &kAzureVmReportData,
    &kAzureVmAttestationKey,
    &kAzureVmQuoteSignature,
    &kAzureVmPcrDigest,
};

constexpr std::array kAppraise = {
    &kProductAllowed,
    &kTcbCommitted,
    &kTcbMinimum,
    &kTcbLaunch,
    &kFirmwareMinimum,
    &kDebugDisabled,
    &kMigrateMaDisabled,
    &kMinimumAbi,
    &kSmtDisabled,
    &kSingleSocket,
    &kCxlDisabled,
    &kAes256Xts,
    &kRaplDisabled,
    &kCiphertextHiding,
    &kPageSwapDisabled,
    &kVmpl,
    &kAliasCheck,
    &kPlatformRequired,
    &kPlatformRefused,
    &kLaunchMitigations,
    &kCurrentMitigations,
    &kChipIdAllowed,
    &kReportData,
    &kMeasurement,
    &kHostData,
    &kFamilyId,
    &kImageId,
    &kIdKey,
    &kAuthorKey,
    &kGuestSvn,
    &kSecurityPolicy,
    &kUvmIssuerAllowed,
    &kUvmFeed,
    &kUvmSvn,
    &kUvmMeasurement,
    &kAzureVmQuoteFreshness,
    &kAzureVmPcrs,
    &kAzureVmParavisor,
    &kManifestFormat,
    &kManifestModel,
    &kManifestSoftware,
    &kManifestIsolation,
    &kManifestIsolationPolicy,
};

}  // namespace

std::span<const ParseCheck* const> parse_checks() { return kParse; }
std::span<const AuthenticateCheck* const> authenticate_checks() { return kAuthenticate; }
std::span<const AppraiseCheck* const> appraise_checks() { return kAppraise; }

}  // namespace blindbox::verifier::checks
