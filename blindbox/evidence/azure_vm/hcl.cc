// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/azure_vm/hcl.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/base/json_watch.h"

#include "blindbox/base/reader.h"

namespace blindbox::evidence::azure_vm {
namespace {

using base::fail;
using nlohmann::json;

constexpr std::string_view kSignature = "HCLA";
constexpr std::string_view kKeyId = "HCLAkPub";
constexpr std::size_t kDataHeaderSize = 20;
constexpr std::uint32_t kSnpReport = 2;
constexpr std::uint32_t kTdxReport = 4;
constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxKeys = 16;
constexpr std::size_t kMaxNumber = 1024;  // bytes: RSA-8192

tl::unexpected<Error> malformed(std::string detail) {
  return fail(ErrorKind::malformed, "malformed HCL report: " + std::move(detail));
}

// IgvmAttestRequestHeader.
struct Header {
  std::uint32_t version = 0;
  std::uint32_t report_size = 0;  // of everything but the padding
};

Result<Header> read_header(base::Reader& reader) {
  if (base::as_text(reader.take(kSignature.size())) != kSignature) return malformed("it does not begin with HCLA");
  Header header;
  header.version = reader.u32le();
  header.report_size = reader.u32le();
  (void)reader.u32le();  // request type
  const std::uint32_t status = reader.u32le();
  const ByteView reserved = reader.take(12);
  if (!reader.ok()) return malformed("it ends within its header");
  if (header.version != 1 && header.version != 2) {
    return malformed("version " + std::to_string(header.version) + ", known are 1 and 2");
  }
  if (status != 0) return malformed("its status is " + std::to_string(status) + " and not 0");
  if (!base::all_zero(reserved)) return malformed("reserved bytes of its header are not zero");
  return header;
}

// IgvmAttestRequestData, with the bitmap that its version 2 adds.
struct DataHeader {
  std::uint32_t size = 0;  // of this header and the claims
  std::uint32_t header_size = kDataHeaderSize;
  HashType hash_type{};
  std::uint32_t claims_size = 0;
};

Result<void> check_report_type(std::uint32_t type) {
  if (type == kSnpReport) return {};
  if (type == kTdxReport) {
    return fail(ErrorKind::malformed, "an HCL report of an Intel TDX guest: only AMD SEV-SNP guests are judged");
  }
  return malformed("its hardware report has the unknown type " + std::to_string(type));
}

Result<DataHeader> read_data_header(base::Reader& reader) {
  DataHeader header;
  header.size = reader.u32le();
  const std::uint32_t version = reader.u32le();
  const std::uint32_t report_type = reader.u32le();
  const std::uint32_t hash_type = reader.u32le();
  header.claims_size = reader.u32le();
  if (version == 2) {
    (void)reader.u32le();  // capabilities of the paravisor, for the host
    header.header_size += 4;
  }
  if (!reader.ok()) return malformed("it ends within the header of the claims");
  if (version != 1 && version != 2) {
    return malformed("claims of version " + std::to_string(version) + ", known are 1 and 2");
  }
  if (auto known = check_report_type(report_type); !known) return base::pass_on(known);
  if (hash_type < 1 || hash_type > 3) return malformed("unknown hash type " + std::to_string(hash_type));
  header.hash_type = static_cast<HashType>(hash_type);
  return header;
}

// The NV index is longer than the report in it.
bool is_padding(ByteView rest) {
  return base::all_zero(rest) ||
         std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0xFF}; });
}

Result<json> parse_claims(std::string_view text) {
  base::JsonWatch watch(kMaxDepth);
  json claims;
  try {
    claims = json::parse(text, std::ref(watch), /*allow_exceptions=*/false);
  } catch (const std::exception&) {
    return malformed("its claims are not valid JSON");
  }
  if (watch.too_deep()) return malformed("its claims are nested too deeply");
  if (watch.key_twice()) return malformed("its claims have a key twice");
  if (!claims.is_object()) return malformed("its claims are not a JSON object");
  return claims;
}

std::optional<std::string> text_member(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// RFC 4648 section 5 without padding, as a JWK has it.
Result<Bytes> base64url_number(const json& jwk, const char* name) {
  auto text = text_member(jwk, name);
  const auto bad = [name] { return malformed("HCLAkPub: \"" + std::string(name) + "\" is no number in base64url"); };
  if (!text || text->empty() || text->size() > kMaxNumber * 4 / 3 + 2) return bad();
  if (text->find_first_of("+/=\r\n") != std::string::npos) return bad();
  std::replace(text->begin(), text->end(), '-', '+');
  std::replace(text->begin(), text->end(), '_', '/');
  text->resize((text->size() + 3) / 4 * 4, '=');
  auto number = base::from_base64(*text);
  if (!number) return bad();
  return number;
}

Result<RsaKey> read_attestation_key(const json& claims) {
  const auto keys = claims.find("keys");
  if (keys == claims.end() || !keys->is_array() || keys->size() > kMaxKeys) return malformed("it lists no keys");
  const json* jwk = nullptr;
  for (const json& key : *keys) {
    if (!key.is_object() || text_member(key, "kid") != kKeyId) continue;
    if (jwk != nullptr) return malformed("HCLAkPub is there twice");
    jwk = &key;
  }
  if (jwk == nullptr) return malformed("it has no attestation key HCLAkPub");
  if (text_member(*jwk, "kty") != "RSA") return malformed("HCLAkPub is no RSA key");
  auto modulus = base64url_number(*jwk, "n");
  if (!modulus) return base::pass_on(modulus);
  auto exponent = base64url_number(*jwk, "e");
  if (!exponent) return base::pass_on(exponent);
  return RsaKey{*std::move(modulus), *std::move(exponent)};
}

}  // namespace

bool is_hcl_report(ByteView bytes) { return base::as_text(bytes).starts_with(kSignature); }

Result<UnverifiedHclReport> parse_hcl_report(ByteView bytes) {
  if (bytes.size() > kHclCap) return malformed("it is larger than " + std::to_string(kHclCap) + " bytes");
  base::Reader reader(bytes);
  auto header = read_header(reader);
  if (!header) return base::pass_on(header);
  const ByteView report = reader.take(kHardwareReportSize);
  auto data = read_data_header(reader);
  if (!data) return base::pass_on(data);
  const ByteView claims = reader.take(data->claims_size);
  if (!reader.ok()) return malformed("it ends within its claims");
  // claims_size is at most the input's size from here on, so that no sum can wrap.
  if (data->size != data->header_size + data->claims_size ||
      header->report_size != kHclHeaderSize + kHardwareReportSize + data->size) {
    return malformed("its sizes contradict one another");
  }
  if (!is_padding(reader.take(reader.remaining()))) return malformed("bytes behind its claims");
  auto parsed = parse_claims(base::as_text(claims));
  if (!parsed) return base::pass_on(parsed);
  return UnverifiedHclReport{.version = header->version,
                             .report = base::to_bytes(report),
                             .hash_type = data->hash_type,
                             .variable_data = base::to_bytes(claims),
                             .attestation_key = read_attestation_key(*parsed)};
}

}  // namespace blindbox::evidence::azure_vm
