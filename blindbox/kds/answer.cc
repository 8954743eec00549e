// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/answer.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>

#include "blindbox/endorsements/sev_snp/chain.h"
#include "blindbox/endorsements/sev_snp/crl.h"
#include "blindbox/endorsements/sev_snp/leaf.h"

namespace blindbox::kds {
namespace {

using base::fail;
using endorsements::Certificate;

constexpr std::string_view kPemMark = "-----BEGIN ";
// A chain has two; AMD has never sent more, and an intermediate that was issued anew may stand beside the old one.
constexpr std::size_t kMostObjects = 8;

tl::unexpected<Error> malformed(std::string what) { return fail(ErrorKind::malformed, std::move(what)); }

// Every block must bear the label; nothing is skipped. Encrypted blocks have no business here.
Result<std::vector<Bytes>> objects_from_pem(ByteView text, std::string_view label) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
                                                      &BIO_free);
  std::vector<Bytes> objects;
  while (bio && objects.size() <= kMostObjects) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    const bool read = PEM_read_bio(bio.get(), &name, &header, &data, &size) == 1;
    const bool at_end = !read && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (at_end && !objects.empty()) return objects;
    if (!read) return malformed("a PEM block that does not decode");
    const bool expected = name == label && *header == '\0';
    objects.push_back(base::to_bytes(std::as_bytes(std::span(data, static_cast<std::size_t>(size)))));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    if (!expected) return malformed("a PEM block other than " + std::string(label));
  }
  return malformed("more than " + std::to_string(kMostObjects) + " PEM blocks");
}

Result<std::vector<Bytes>> objects_from(ByteView body, std::string_view label) {
  if (base::as_text(body).find(kPemMark) != std::string_view::npos) return objects_from_pem(body, label);
  return std::vector<Bytes>{base::to_bytes(body)};
}

std::string root_name(const Request& request) {
  return "ARK-" + std::string(evidence::sev_snp::product_name(request.product));
}

Result<Answer> read_vcek(const Request& request, std::vector<Bytes> objects) {
  if (objects.size() != 1) return malformed(std::to_string(objects.size()) + " certificates instead of one");
  auto certificate = Certificate::parse(objects.front());
  if (!certificate) return base::pass_on(certificate);
  if (certificate->common_name() != endorsements::sev_snp::leaf_common_name(SigningKey::vcek)) {
    return malformed("a certificate that is no VCEK");  // foreign text stays out of messages
  }
  auto claims = endorsements::sev_snp::read_leaf(*certificate, SigningKey::vcek);
  if (!claims) return base::pass_on(claims);
  if (claims->product != request.product) {
    return malformed("a VCEK of " + std::string(evidence::sev_snp::product_name(claims->product)));
  }
  if (claims->hwid != request.hwid) return malformed("the VCEK of another chip");
  if (claims->tcb != request.tcb) return malformed("the VCEK of another TCB");
  return Answer{std::move(objects), certificate->not_after()};
}

Result<Answer> read_chain(const Request& request, std::vector<Bytes> objects) {
  const std::string product(evidence::sev_snp::product_name(request.product));
  const std::string intermediate = (request.kind == SigningKey::vlek ? "SEV-VLEK-" : "SEV-") + product;
  std::size_t intermediates = 0;
  std::size_t roots = 0;
  base::Time good_until = base::Time::max();
  for (const Bytes& der : objects) {
    auto certificate = Certificate::parse(der);
    if (!certificate) return base::pass_on(certificate);
    good_until = std::min(good_until, certificate->not_after());
    if (certificate->common_name() == intermediate) {
      ++intermediates;
    } else if (certificate->common_name() == root_name(request)) {
      ++roots;
    } else {
      return malformed("a certificate that does not belong into the chain");
    }
  }
  if (intermediates != 1 || roots != 1) return malformed("not one " + intermediate + " and one " + root_name(request));
  return Answer{std::move(objects), good_until};
}

Result<Answer> read_list(const Request& request, std::vector<Bytes> objects) {
  if (objects.size() != 1) return malformed(std::to_string(objects.size()) + " revocation lists instead of one");
  auto claims = endorsements::sev_snp::read_crl(objects.front());
  if (!claims) return base::pass_on(claims);
  if (claims->issuer_common_name != root_name(request)) {
    return malformed("a revocation list of another issuer than " + root_name(request));
  }
  return Answer{std::move(objects), claims->next_update};
}

}  // namespace

Result<Answer> read_answer(const Request& request, ByteView body) {
  if (body.size() > body_cap(request.what)) {
    return malformed("more than " + std::to_string(body_cap(request.what)) + " bytes");
  }
  auto objects = objects_from(body, request.what == What::crl ? "X509 CRL" : "CERTIFICATE");
  if (!objects) return base::pass_on(objects);
  switch (request.what) {
    case What::vcek: return read_vcek(request, std::move(*objects));
    case What::chain: return read_chain(request, std::move(*objects));
    case What::crl: return read_list(request, std::move(*objects));
  }
  return malformed("not asked for");
}

}  // namespace blindbox::kds
