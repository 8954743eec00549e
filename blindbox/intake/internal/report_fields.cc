// SPDX-License-Identifier: Apache-2.0
// A report that was taken apart, put together again (AMD 56860 rev. 1.58, Table 23). Fields have the names of Rust's
// sev crate; where its versions differ, either name is taken.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/evidence/sev_snp/report.h"
#include "blindbox/intake/internal/json.h"

namespace blindbox::intake::internal {
namespace {

using nlohmann::json;

struct Field {
  const char* name;
  std::size_t at;
  std::size_t size;
  bool needed = true;  // else: in some versions of the crate only, or null where the report's version lacks it
};

constexpr Field kNumbers[] = {
    {"version", 0x00, 4},
    {"guest_svn", 0x04, 4},
    {"policy", 0x08, 8},
    {"vmpl", 0x30, 4},
    {"sig_algo", 0x34, 4},
    {"plat_info", 0x40, 8},
    {"key_info", 0x48, 4, false},
    {"_author_key_en", 0x48, 4, false},
    {"_reserved_0", 0x4C, 4, false},
    {"cpuid_fam_id", 0x188, 1, false},
    {"cpuid_mod_id", 0x189, 1, false},
    {"cpuid_step", 0x18A, 1, false},
    {"current_build", 0x1E8, 1, false},
    {"current_minor", 0x1E9, 1, false},
    {"current_major", 0x1EA, 1, false},
    {"_reserved_2", 0x1EB, 1, false},
    {"committed_build", 0x1EC, 1, false},
    {"committed_minor", 0x1ED, 1, false},
    {"committed_major", 0x1EE, 1, false},
    {"_reserved_3", 0x1EF, 1, false},
    {"launch_mit_vector", 0x1F8, 8, false},
    {"current_mit_vector", 0x200, 8, false},
};

// Before the numbers: the crate's first version has the CPUID in _reserved_1 and the mitigations in _reserved_4.
constexpr Field kBytes[] = {
    {"family_id", 0x10, 16},           {"image_id", 0x20, 16},   {"report_data", 0x50, 64},
    {"measurement", 0x90, 48},         {"host_data", 0xC0, 32},  {"id_key_digest", 0xE0, 48},
    {"author_key_digest", 0x110, 48},  {"report_id", 0x140, 32}, {"report_id_ma", 0x160, 32},
    {"_reserved_1", 0x188, 24, false}, {"chip_id", 0x1A0, 64},   {"_reserved_4", 0x1F8, 168, false},
};

constexpr Field kTcbs[] = {
    {"current_tcb", 0x38, 8}, {"reported_tcb", 0x180, 8}, {"committed_tcb", 0x1E0, 8}, {"launch_tcb", 0x1F0, 8}};

// TCB_VERSION (Table 3). The crate's first version names the bytes as Milan has them, whatever the product.
constexpr Field kTcb[] = {
    {"bootloader", 0, 1}, {"tee", 1, 1}, {"_reserved", 2, 4, false}, {"snp", 6, 1}, {"microcode", 7, 1}};
constexpr Field kTurinTcb[] = {{"fmc", 0, 1}, {"bootloader", 1, 1}, {"tee", 2, 1}, {"snp", 3, 1}, {"microcode", 7, 1}};

constexpr Field kVersions[] = {{"current", 0x1E8, 3, false}, {"committed", 0x1EC, 3, false}};
constexpr Field kVersion[] = {{"build", 0, 1}, {"minor", 1, 1}, {"major", 2, 1}};

// ECDSA P-384 (Table 139): R, S, reserved.
constexpr std::size_t kSignatureAt = 0x2A0;
constexpr Field kSignature[] = {{"r", 0, 72}, {"s", 72, 72}, {"_reserved", 144, 368, false}};

Result<void> wrong(const Field& field, const char* what) {
  return base::fail(ErrorKind::malformed, "the report's field " + std::string(field.name) + " " + what);
}

// Writes number or bytes at base + field.at.
Result<void> write(Bytes& report, std::size_t base_at, const Field& field, const json& object) {
  const auto member = object.find(field.name);
  if (member == object.end() || member->is_null()) {
    return field.needed ? wrong(field, "is missing") : Result<void>{};
  }
  const auto out = std::span(report).subspan(base_at + field.at, field.size);
  if (member->is_number_unsigned()) {
    auto number = member->get<std::uint64_t>();
    if (field.size > 8) return wrong(field, "is a number");
    for (std::byte& b : out) {
      b = static_cast<std::byte>(number & 0xFF);
      number >>= 8;
    }
    return number == 0 ? Result<void>{} : wrong(field, "is too large");
  }
  const auto bytes = bytes_of(*member);
  if (!bytes || bytes->size() != field.size) {
    return wrong(field, ("has not " + std::to_string(field.size) + " bytes").c_str());
  }
  std::ranges::copy(*bytes, out.begin());
  return {};
}

template <typename Fields>
Result<void> write_all(Bytes& report, std::size_t base_at, const Fields& fields, const json& object) {
  for (const Field& field : fields) {
    if (auto written = write(report, base_at, field, object); !written) return written;
  }
  return {};
}

// Objects within: each of outer, where it is there, holds the inner fields.
Result<void> write_tcbs(Bytes& report, const json& object) {
  for (const Field& field : kTcbs) {
    const auto tcb = object.find(field.name);
    if (tcb == object.end()) return wrong(field, "is missing");
    if (!tcb->is_object()) {
      if (auto written = write(report, 0, field, object); !written) return written;
      continue;
    }
    const bool turin = tcb->contains("fmc") && !(*tcb)["fmc"].is_null();
    auto written = turin ? write_all(report, field.at, kTurinTcb, *tcb) : write_all(report, field.at, kTcb, *tcb);
    if (!written) return written;
  }
  return {};
}

Result<void> write_versions(Bytes& report, const json& object) {
  for (const Field& field : kVersions) {
    const auto version = object.find(field.name);
    if (version == object.end()) continue;
    if (!version->is_object()) return wrong(field, "is no version");
    if (auto written = write_all(report, field.at, kVersion, *version); !written) return written;
  }
  return {};
}

}  // namespace

Result<std::optional<Bytes>> report_from_fields(const json& object) {
  const auto signature = object.find("signature");
  const bool is_report = object.contains("measurement") && object.contains("chip_id") &&
                         object.contains("reported_tcb") && signature != object.end() && signature->is_object();
  if (!is_report) return std::nullopt;
  Bytes report(evidence::sev_snp::kReportSize);
  Result<void> written = write_all(report, 0, kBytes, object);
  if (written) written = write_all(report, 0, kNumbers, object);
  if (written) written = write_tcbs(report, object);
  if (written) written = write_versions(report, object);
  if (written) written = write_all(report, kSignatureAt, kSignature, *signature);
  if (!written) return base::pass_on(written);
  return report;
}

}  // namespace blindbox::intake::internal
