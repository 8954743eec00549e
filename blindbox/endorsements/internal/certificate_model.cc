// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/internal/certificate_model.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "blindbox/endorsements/internal/asn1.h"

namespace blindbox::endorsements::internal {
namespace {

using base::fail;
using Name = std::map<std::string, std::string, std::less<>>;

constexpr std::string_view kFulcioIssuer = "1.3.6.1.4.1.57264.1.1";

tl::unexpected<Error> refuse(std::string what) { return fail(ErrorKind::not_authentic, std::move(what)); }

std::string dotted(const ASN1_OBJECT* object) {
  char text[128] = {};
  const int length = OBJ_obj2txt(text, sizeof text, object, 1);
  return length > 0 && length < static_cast<int>(sizeof text) ? text : "";
}

std::string raw_text(const ASN1_STRING* value) {
  const auto* begin = ASN1_STRING_get0_data(value);
  return {begin, begin + ASN1_STRING_length(value)};
}

// RFC 4514's labels, as far as the specification uses them; dotted numbers for the rest.
std::string label(const ASN1_OBJECT* object) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kLabels = {{{"2.5.4.3", "CN"},
                                                                                            {"2.5.4.7", "L"},
                                                                                            {"2.5.4.8", "ST"},
                                                                                            {"2.5.4.10", "O"},
                                                                                            {"2.5.4.11", "OU"},
                                                                                            {"2.5.4.6", "C"},
                                                                                            {"2.5.4.9", "STREET"}}};
  std::string oid = dotted(object);
  for (const auto& [number, name] : kLabels) {
    if (oid == number) return std::string(name);
  }
  return oid;
}

Result<Name> name_of(const X509_NAME* name) {
  Name out;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const std::string key = label(X509_NAME_ENTRY_get_object(entry));
    const auto value = to_text(X509_NAME_ENTRY_get_data(entry));
    if (key.empty() || !value) return refuse("a name in a certificate cannot be read");
    if (!out.emplace(key, *value).second) return refuse("a name in a certificate has " + key + " twice");
  }
  return out;
}

// Those that the model holds, and those of RFC 5280 that path validation enforces.
bool may_be_critical(int nid) {
  constexpr std::array kNids = {NID_ext_key_usage,   NID_subject_alt_name,     NID_basic_constraints,
                                NID_key_usage,       NID_name_constraints,     NID_policy_constraints,
                                NID_policy_mappings, NID_certificate_policies, NID_inhibit_any_policy};
  return std::find(kNids.begin(), kNids.end(), nid) != kNids.end();
}

Result<void> read_san(X509* x509, CertificateModel& out) {
  int where = -1;
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, &where, nullptr)), &GENERAL_NAMES_free);
  if (!names) return where == -1 ? Result<void>{} : refuse("the alternative names cannot be read");
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    switch (name->type) {
      case GEN_EMAIL: out.san.emplace_back("email", raw_text(name->d.rfc822Name)); break;
      case GEN_DNS: out.san.emplace_back("dns", raw_text(name->d.dNSName)); break;
      case GEN_URI: out.san.emplace_back("uri", raw_text(name->d.uniformResourceIdentifier)); break;
      case GEN_DIRNAME: {
        // No predicate asks for it, but it must be one that the model can hold.
        if (auto directory = name_of(name->d.directoryName); !directory) return base::pass_on(directory);
        break;
      }
      default: return refuse("an alternative name of an unsupported kind");
    }
  }
  return {};
}

Result<void> read_eku(X509* x509, CertificateModel& out) {
  int where = -1;
  const std::unique_ptr<EXTENDED_KEY_USAGE, decltype(&EXTENDED_KEY_USAGE_free)> usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(x509, NID_ext_key_usage, &where, nullptr)),
      &EXTENDED_KEY_USAGE_free);
  if (!usages) return where == -1 ? Result<void>{} : refuse("the extended key usage cannot be read");
  out.eku.emplace();
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    out.eku->push_back(dotted(sk_ASN1_OBJECT_value(usages.get(), i)));
  }
  return {};
}

Result<void> read_others(X509* x509, CertificateModel& out) {
  for (int i = 0; i < X509_get_ext_count(x509); ++i) {
    X509_EXTENSION* extension = X509_get_ext(x509, i);
    const ASN1_OBJECT* object = X509_EXTENSION_get_object(extension);
    const std::string oid = dotted(object);
    if (X509_EXTENSION_get_critical(extension) != 0 && !may_be_critical(OBJ_obj2nid(object))) {
      return refuse("a critical extension that is not supported: " + oid);
    }
    if (oid != kFulcioIssuer) continue;
    if (out.fulcio_issuer) return refuse("the Fulcio issuer stands twice");
    out.fulcio_issuer = raw_text(X509_EXTENSION_get_data(extension));
  }
  return {};
}

}  // namespace

Result<CertificateModel> model_of(X509* x509) {
  CertificateModel out;
  auto subject = name_of(X509_get_subject_name(x509));
  if (!subject) return base::pass_on(subject);
  out.subject = *std::move(subject);
  if (auto issuer = name_of(X509_get_issuer_name(x509)); !issuer) return base::pass_on(issuer);
  auto result = read_others(x509, out);
  if (result) result = read_san(x509, out);
  if (result) result = read_eku(x509, out);
  ERR_clear_error();
  if (!result) return base::pass_on(result);
  return out;
}

}  // namespace blindbox::endorsements::internal
