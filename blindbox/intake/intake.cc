// SPDX-License-Identifier: Apache-2.0
#include "blindbox/intake/intake.h"

#include <algorithm>
#include <array>

#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake {
namespace {

using internal::Part;
using internal::Reading;

constexpr const char* kForms =
    "known are: SEV-SNP reports (raw, hexadecimal, base64, the driver's response, JSON), certificates and revocation "
    "lists (DER, PEM), the host's certificate table, THIM's JSON, UVM endorsements (COSE), container policies (Rego), "
    "HCL reports, TPM quotes with signature and PCRs, evidence in JSON, BlindBox's bundles";

std::string_view base_name(std::string_view name) { return name.substr(name.find_last_of('/') + 1); }

// In the security context directory the names say what the files are, and a policy need not be Rego there.
constexpr std::array<std::string_view, 3> kContextNames = {"reference-info-base64", "host-amd-cert-base64",
                                                           "security-policy-base64"};
constexpr std::array<std::string_view, 3> kPlainExtensions = {".cose", ".rego", ".crl"};

// A damaged file of such a name must not pass for one that is none of our business.
bool named_as_evidence(const Blob& blob) {
  const std::string_view name = base_name(blob.name);
  return std::ranges::find(kContextNames, name) != kContextNames.end() ||
         std::ranges::any_of(kPlainExtensions, [&](std::string_view end) { return name.ends_with(end); });
}

// HOST_DATA covers a policy byte for byte: it is taken before anything inside it, or a mark before it, is looked at.
Result<bool> recognise_policy(const Blob& blob, const Reading& reading) {
  if (base_name(blob.name) != "security-policy-base64") return internal::read_security_policy(blob.bytes, reading);
  const auto decoded = internal::decode_base64(base::as_text(blob.bytes));
  if (!decoded || decoded->empty()) return internal::broken(reading, "the policy is not base64");
  if (const auto taken = reading.collector.take(Part::security_policy, *decoded); !taken) {
    return tl::unexpected<Error>(taken.error());
  }
  return true;
}

ByteView without_byte_order_mark(ByteView bytes) {
  return base::as_text(bytes).starts_with("\xEF\xBB\xBF") ? bytes.subspan(3) : bytes;
}

Result<Source> read_blob(const Blob& blob, internal::Collector& collector) {
  if (blob.bytes.size() > kFileCap) {
    return base::fail(ErrorKind::malformed, blob.name + " is larger than " + std::to_string(kFileCap) + " bytes");
  }
  collector.enter(blob.name);
  const Reading reading{collector, blob.name};
  auto known = recognise_policy(blob, reading);
  if (known && !*known) known = internal::recognise(without_byte_order_mark(blob.bytes), reading);
  if (!known) return base::pass_on(known);
  if (*known) return Source{blob.name, collector.found()};
  if (blob.optional && (blob.bytes.empty() || !named_as_evidence(blob)))
    return Source{blob.name, "not evidence in a form that is known here", true};
  return base::fail(ErrorKind::malformed,
                    blob.bytes.empty() ? blob.name + " is empty" : blob.name + " holds no evidence in a known form",
                    std::to_string(blob.bytes.size()) + " bytes", kForms);
}

}  // namespace

Result<Intake> read_blobs(const std::vector<Blob>& blobs) {
  internal::Collector collector;
  Intake intake;
  for (const Blob& blob : blobs) {
    auto source = read_blob(blob, collector);
    if (!source) return base::pass_on(source);
    intake.sources.push_back(*std::move(source));
  }
  auto evidence = std::move(collector).finish();
  if (!evidence) {
    Error error = evidence.error();
    for (const Source& source : intake.sources) {
      error.detail += (error.detail.empty() ? "" : "\n  ") + source.name + ": " + source.form;
    }
    return tl::unexpected<Error>(std::move(error));
  }
  intake.evidence = *std::move(evidence);
  return intake;
}

}  // namespace blindbox::intake
