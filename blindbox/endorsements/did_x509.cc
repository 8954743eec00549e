// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/did_x509.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <set>

#include "blindbox/endorsements/internal/certificate_model.h"

namespace blindbox::endorsements {
namespace {

using base::fail;
using internal::CertificateModel;

constexpr std::string_view kPrefix = "did:x509:0:";

tl::unexpected<Error> refuse(std::string what) { return fail(ErrorKind::not_authentic, std::move(what)); }

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; (at = text.find(separator)) != std::string_view::npos;) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

// 1*idchar of the grammar, decoded; none for anything else.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (is_plain(text.front())) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto byte = text.size() >= 3 && text.front() == '%' ? base::from_hex(text.substr(1, 2)) : Bytes{};
    if (!byte || byte->size() != 1) return std::nullopt;
    out += base::as_text(*byte);
    text.remove_prefix(3);
  }
  return out.empty() ? std::nullopt : std::optional(out);
}

std::string base64url(ByteView bytes) {
  std::string text = base::to_base64(bytes);
  text.erase(text.find_last_not_of('=') + 1);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

Result<void> check_fingerprint(std::string_view text, const Path& path) {
  const auto parts = split(text, ":");
  if (parts.size() != 2) return refuse("no fingerprint in the name");
  for (std::size_t i = 1; i < path.size(); ++i) {
    const std::string found = parts[0] == "sha256"   ? base64url(base::sha256(path.der(i)))
                              : parts[0] == "sha384" ? base64url(base::sha384(path.der(i)))
                              : parts[0] == "sha512" ? base64url(base::sha512(path.der(i)))
                                                     : "";
    if (found.empty()) return refuse("a fingerprint algorithm that is not supported");
    if (found == parts[1]) return {};
  }
  return refuse("no authority of the path has the fingerprint");
}

Result<void> check_subject(std::string_view value, const CertificateModel& leaf) {
  const auto parts = split(value, ":");
  if (parts.size() % 2 != 0) return refuse("subject is no list of keys and values");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    if (!seen.insert(parts[i]).second) return refuse("subject has a key twice");
    const auto found = leaf.subject.find(parts[i]);
    if (found == leaf.subject.end()) return refuse("subject has a key that the certificate has not");
    if (percent_decoded(parts[i + 1]) != found->second) return refuse("the certificate has another subject");
  }
  return {};
}

Result<void> check_san(std::string_view value, const CertificateModel& leaf) {
  const auto parts = split(value, ":");
  const auto wanted = parts.size() == 2 ? percent_decoded(parts[1]) : std::nullopt;
  if (!wanted) return refuse("san is no kind and value");
  const std::pair<std::string, std::string> name(parts[0], *wanted);
  if (std::find(leaf.san.begin(), leaf.san.end(), name) != leaf.san.end()) return {};
  return refuse("the certificate has no such alternative name");
}

Result<void> check_eku(std::string_view value, const CertificateModel& leaf) {
  if (!leaf.eku) return refuse("the certificate has no extended key usage");
  if (!value.empty() && std::find(leaf.eku->begin(), leaf.eku->end(), value) != leaf.eku->end()) return {};
  return refuse("the certificate is not for the extended key usage");
}

Result<void> check_fulcio_issuer(std::string_view value, const CertificateModel& leaf) {
  if (!leaf.fulcio_issuer) return refuse("the certificate has no Fulcio issuer");
  const auto wanted = percent_decoded(value);
  if (wanted && "https://" + *wanted == *leaf.fulcio_issuer) return {};
  return refuse("the certificate has another Fulcio issuer");
}

Result<void> check_predicate(std::string_view predicate, const CertificateModel& leaf) {
  const auto colon = predicate.find(':');
  const std::string_view name = predicate.substr(0, colon);
  const std::string_view value = colon == std::string_view::npos ? "" : predicate.substr(colon + 1);
  if (name == "subject") return check_subject(value, leaf);
  if (name == "san") return check_san(value, leaf);
  if (name == "eku") return check_eku(value, leaf);
  if (name == "fulcio-issuer") return check_fulcio_issuer(value, leaf);
  return refuse("an unknown predicate");
}

}  // namespace

Result<void> check_did_x509(std::string_view did, const Path& path) {
  if (did.size() > kDidCap) return refuse("the name is longer than " + std::to_string(kDidCap) + " bytes");
  // A fragment names something within the resolved document.
  did = did.substr(0, did.find('#'));
  if (!did.starts_with(kPrefix)) return refuse("no did:x509 name of version 0");
  if (did.find_first_of("/?") != std::string_view::npos) return refuse("a did:x509 name has no path and no query");
  const auto parts = split(did.substr(kPrefix.size()), "::");
  if (parts.size() < 2) return refuse("the name has no predicate");
  if (auto found = check_fingerprint(parts[0], path); !found) return found;
  std::vector<CertificateModel> models;
  for (std::size_t i = 0; i < path.size(); ++i) {
    auto model = internal::model_of(path.at(i));
    if (!model) return base::pass_on(model);
    models.push_back(*std::move(model));
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (auto holds = check_predicate(parts[i], models.front()); !holds) return holds;
  }
  // All bits are set where the certificate does not restrict its key.
  if ((X509_get_key_usage(path.at(0)) & (KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT)) == 0) {
    return refuse("the certificate's key may neither sign nor agree");
  }
  return {};
}

}  // namespace blindbox::endorsements
