// SPDX-License-Identifier: Apache-2.0
#include "blindbox/intake/intake.h"

#include <algorithm>
#include <array>
#include <utility>

#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/session.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake {
namespace {

using internal::Part;
using internal::Reading;

constexpr const char* kForms =
    "known are: SEV-SNP reports (raw, hexadecimal, base64, the driver's response, JSON), certificates and revocation "
    "lists (DER, PEM), the host's certificate table, THIM's JSON, UVM endorsements (COSE), container policies (Rego), "
    "HCL reports, TPM quotes with signature and PCRs, evidence in JSON, BlindBox's bundles, dumps of any of these";

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

// Texts of Windows may be UTF-16 behind a byte order mark (PowerShell's ">"), or UTF-8 behind one.
Result<bool> recognise_text(ByteView bytes, const Reading& reading) {
  if (base::as_text(bytes).starts_with("\xEF\xBB\xBF")) return internal::recognise(bytes.subspan(3), reading);
  const auto utf8 = internal::decode_utf16(bytes);
  return internal::recognise(utf8 ? ByteView(*utf8) : bytes, reading);
}

Error nothing_known(const std::string& name, std::size_t size) {
  return {ErrorKind::malformed, size == 0 ? name + " is empty" : name + " holds no evidence in a known form",
          std::to_string(size) + " bytes", kForms};
}

}  // namespace

namespace internal {

Result<void> Session::add(const Blob& blob) {
  if (blob.bytes.size() > kFileCap) {
    return base::fail(ErrorKind::malformed, blob.name + " is larger than " + std::to_string(kFileCap) + " bytes");
  }
  collector_.enter(blob.name);
  const Reading reading{collector_, blob.name};
  auto known = recognise_policy(blob, reading);
  if (known && !*known) known = recognise_text(blob.bytes, reading);
  if (!known) return base::pass_on(known);
  const std::string doubt = collector_.take_doubt();
  if (!doubt.empty() && !blob.optional) return base::fail(ErrorKind::malformed, blob.name + ": " + doubt, "", kForms);
  if (*known) {
    const std::string form = collector_.found();
    sources_.push_back({blob.name, doubt.empty() ? form : form + "; in part left aside: " + doubt});
    return {};
  }
  if (blob.optional && !blob.bytes.empty() && named_as_evidence(blob)) {
    Error error = nothing_known(blob.name, blob.bytes.size());
    if (!doubt.empty()) error.what = blob.name + ": " + doubt;
    return tl::unexpected<Error>(std::move(error));
  }
  open_.push_back({sources_.size(), blob.optional, blob.bytes.size()});
  const char* why = blob.bytes.empty() ? "it is empty" : "not evidence in a form that is known here";
  sources_.push_back({blob.name, doubt.empty() ? why : doubt, true});
  return {};
}

void Session::leave_aside(std::string name, std::string why) {
  sources_.push_back({std::move(name), std::move(why), true});
}

Result<void> Session::close(const Open& open) {
  Source& source = sources_[open.source];
  const std::string form = collector_.settled(source.name);
  if (!form.empty()) {
    source = {source.name, form, false};
  } else if (!open.optional) {
    return tl::unexpected<Error>(nothing_known(source.name, open.size));
  }
  return {};
}

Result<Intake> Session::finish() && {
  if (const auto settled = collector_.settle(); !settled) return tl::unexpected<Error>(settled.error());
  for (const Open& open : open_) {
    if (const auto closed = close(open); !closed) return tl::unexpected<Error>(closed.error());
  }
  auto collected = std::move(collector_).finish();
  if (!collected) {
    Error error = collected.error();
    for (const Source& source : sources_) {
      error.detail += (error.detail.empty() ? "" : "\n  ") + source.name + ": " +
                      (source.ignored ? "left aside: " : "") + source.form;
    }
    return tl::unexpected<Error>(std::move(error));
  }
  return Intake{.evidence = std::move(collected->evidence),
                .manifest = std::move(collected->manifest),
                .sources = std::move(sources_)};
}

}  // namespace internal

Result<Intake> read_blobs(const std::vector<Blob>& blobs) {
  internal::Session session;
  for (const Blob& blob : blobs) {
    if (const auto added = session.add(blob); !added) return tl::unexpected<Error>(added.error());
  }
  return std::move(session).finish();
}

}  // namespace blindbox::intake
