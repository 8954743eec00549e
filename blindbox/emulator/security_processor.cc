// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/security_processor.h"

#include <algorithm>

#include "blindbox/base/digest.h"
#include "blindbox/emulator/internal/certificates.h"
#include "blindbox/emulator/internal/report_writer.h"

namespace blindbox::emulator {
namespace {

std::string name_of(Product product) { return std::string(evidence::sev_snp::product_name(product)); }

std::uint64_t serial_base(Product product) {
  switch (product) {
    case Product::milan: return 0x10000;
    case Product::genoa: return 0x20000;
    case Product::turin: return 0x30000;
  }
  return 0;
}

// What tells one certificate from another: everything that goes into it but the dates, which are fixed.
std::string claims_key(const internal::LeafClaims& claims, std::uint64_t serial) {
  return name_of(claims.product) + "/" + std::to_string(evidence::sev_snp::encode_tcb(claims.tcb, claims.product)) +
         "/" + base::to_hex(claims.hwid) + "/" + std::to_string(serial);
}

}  // namespace

SecurityProcessor::SecurityProcessor(Keys keys, base::Time not_before)
    : keys_(std::move(keys)), not_before_(not_before), fingerprint_(emulator::fingerprint(keys_)) {}

std::uint64_t SecurityProcessor::ark_serial(Product product) { return serial_base(product); }
std::uint64_t SecurityProcessor::ask_serial(Product product) {
  return serial_base(product) + (product == Product::genoa ? 2 : 1);
}
std::uint64_t SecurityProcessor::asvk_serial(Product product) { return serial_base(product) + 0x101; }

ByteArray<64> SecurityProcessor::chip_id(Product product) const {
  const auto digest = base::sha512(base::view("blindbox emulated chip/" + name_of(product) + "/" + fingerprint_));
  ByteArray<64> id{};
  std::copy_n(digest.begin(), product == Product::turin ? 8 : 64, id.begin());
  return id;
}

Bytes SecurityProcessor::report(const Guest& guest, const ByteArray<64>& report_data) const {
  const bool vlek = guest.signing_key == SigningKey::vlek;
  // Where a VLEK signs, the cloud provider hides the chip.
  const ByteArray<64> id = guest.chip_id.value_or(vlek ? ByteArray<64>{} : chip_id(guest.product));
  Bytes report = internal::write_report(guest, id, report_data);
  if (guest.signing_key != SigningKey::none) {
    internal::sign_report(report, vlek ? keys_.vlek.get() : keys_.vcek.get());
  }
  return report;
}

std::vector<Bytes> SecurityProcessor::certificates(const Guest& guest) const {
  const bool vlek = guest.signing_key == SigningKey::vlek;
  const std::string product = name_of(guest.product);
  const std::string root = "ARK-" + product;
  const std::string middle = (vlek ? "SEV-VLEK-" : "SEV-") + product;
  internal::LeafClaims claims{guest.product, guest.certificate_tcb.value_or(reported_tcb_of(guest)), {}, {}};
  if (vlek) {
    claims.csp_id = "BlindBox emulator";
  } else {
    const ByteArray<64> id = guest.certificate_hwid.value_or(guest.chip_id.value_or(chip_id(guest.product)));
    claims.hwid.assign(id.begin(), id.begin() + (guest.product == Product::turin ? 8 : 64));
  }

  const std::scoped_lock lock(mutex_);
  Bytes& ark = issued_[root];
  if (ark.empty()) {
    ark = internal::issue_ark(
        {root, root, ark_serial(guest.product), not_before_, 25, keys_.ark.get(), keys_.ark.get()}, guest.product);
  }
  Bytes& ask = issued_[middle];
  if (ask.empty()) {
    const std::uint64_t serial = vlek ? asvk_serial(guest.product) : ask_serial(guest.product);
    EVP_PKEY* key = vlek ? keys_.asvk.get() : keys_.ask.get();
    ask = internal::issue_intermediate({middle, root, serial, not_before_, 25, key, keys_.ark.get()}, guest.product,
                                       vlek ? "vlek" : "vcek", ark);
  }
  Bytes& leaf = issued_[claims_key(claims, guest.leaf_serial)];
  if (leaf.empty()) {
    leaf = internal::issue_leaf({vlek ? "SEV-VLEK" : "SEV-VCEK", middle, guest.leaf_serial, not_before_, vlek ? 1 : 7,
                                 vlek ? keys_.vlek.get() : keys_.vcek.get(), vlek ? keys_.asvk.get() : keys_.ask.get()},
                                claims);
  }
  return {leaf, ask, ark};
}

evidence::Evidence SecurityProcessor::evidence(const Guest& guest, const ByteArray<64>& report_data) const {
  evidence::Evidence out;
  out.report = report(guest, report_data);
  out.certificates = certificates(guest);
  return out;
}

Bytes SecurityProcessor::crl(Product product, const std::vector<std::uint64_t>& revoked, base::Time this_update,
                             base::Time next_update) const {
  const Bytes ark = certificates(Guest{.product = product}).back();
  return internal::issue_crl("ARK-" + name_of(product), keys_.ark.get(), ark, revoked, this_update, next_update);
}

}  // namespace blindbox::emulator
