// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/uvm/endorsement.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "blindbox/endorsements/uvm/internal/reference_info.h"
#include "blindbox/evidence/cose.h"

namespace blindbox::endorsements::uvm {
namespace {

using base::fail;
using evidence::CborValue;
using Kind = CborValue::Kind;

// Labels of header parameters (IANA, COSE Header Parameters) and of claims (IANA, CBOR Web Token Claims).
enum Label : std::int64_t {
  kAlgorithm = 1,
  kCritical = 2,
  kContentType = 3,
  kCwtClaims = 15,
  kX5Chain = 33,
  kPayloadHash = 258,
};
enum Claim : std::int64_t { kIss = 1, kSub = 2, kIat = 6 };
constexpr std::int64_t kSha384 = -43;
constexpr std::uint64_t kEpochTag = 1;

tl::unexpected<Error> malformed(std::string why) {
  return fail(ErrorKind::malformed, "malformed UVM endorsement", std::move(why));
}

// Reads what it needs from one map, and keeps the first problem.
class Fields {
 public:
  Fields(const CborValue& map, std::string& problem) : map_(map), problem_(problem) {}

  template <typename Key>
  std::string text(Key key, const char* name) {
    const CborValue* found = map_.find(key);
    const auto value = found != nullptr ? found->text() : std::nullopt;
    if (!value || value->empty()) note(std::string(name) + " is missing or no text");
    return std::string(value.value_or(""));
  }

  template <typename Key>
  std::int64_t number(Key key, const char* name) {
    const CborValue* found = map_.find(key);
    const auto value = found != nullptr ? found->integer() : std::nullopt;
    if (!value) note(std::string(name) + " is missing or no integer");
    return value.value_or(0);
  }

  // Seconds since 1970, bare or with the tag that says so.
  template <typename Key>
  base::Time time(Key key, const char* name) {
    const CborValue* found = map_.find(key);
    if (found != nullptr && found->kind == Kind::tag && found->number == kEpochTag) found = &found->children[0];
    const auto value = found != nullptr ? found->integer() : std::nullopt;
    // Year 9999: what certificates can say, and far from any overflow.
    if (!value || *value < 0 || *value > 253402300799) note(std::string(name) + " is missing or no time");
    return base::Time(std::chrono::seconds(value.value_or(0)));
  }

  void note(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }

 private:
  const CborValue& map_;
  std::string& problem_;
};

// RFC 9052 section 3.1: whoever marks a header critical wants it refused by those who do not know it.
bool knows_critical(const CborValue& header) {
  const CborValue* critical = header.find(kCritical);
  if (critical == nullptr) return true;
  if (critical->kind != Kind::array || critical->children.empty()) return false;
  return std::all_of(critical->children.begin(), critical->children.end(), [&](const CborValue& label) {
    constexpr std::array kNumbers = {kAlgorithm, kContentType, kCwtClaims, kX5Chain, kPayloadHash};
    constexpr std::array<std::string_view, 3> kTexts = {"iss", "feed", "signingtime"};
    const auto number = label.integer();
    const auto text = label.text();
    const bool known = number ? std::find(kNumbers.begin(), kNumbers.end(), *number) != kNumbers.end()
                              : text && std::find(kTexts.begin(), kTexts.end(), *text) != kTexts.end();
    return known && (number ? header.find(*number) : header.find(*text)) != nullptr;
  });
}

// RFC 9360: one certificate as bytes, several as an array of them, the leaf first.
Result<Path> read_chain(const CborValue& header) {
  const CborValue* chain = header.find(kX5Chain);
  std::vector<ByteView> der;
  if (chain != nullptr && chain->kind == Kind::bytes) der.push_back(chain->content);
  if (chain != nullptr && chain->kind == Kind::array) {
    for (const CborValue& certificate : chain->children) {
      if (certificate.kind != Kind::bytes) return malformed("x5chain holds something else than certificates");
      der.push_back(certificate.content);
    }
  }
  if (der.empty()) return malformed("x5chain is missing");
  auto path = Path::parse(der);
  if (!path) return malformed("x5chain: " + path.error().what);
  return path;
}

// The claims of the JSON format; the payload has the rest.
Result<void> read_json(const evidence::CoseSign1& message, UnverifiedEndorsement& out) {
  std::string problem;
  Fields header(message.protected_header, problem);
  out.issuer = header.text("iss", "iss");
  out.feed = header.text("feed", "feed");
  out.signing_time = header.time("signingtime", "signingtime");
  if (header.text(kContentType, "the content type") != "application/json") {
    header.note("the content type is not application/json");
  }
  if (!problem.empty()) return malformed(problem);
  auto info = internal::read_reference_info(message.payload);
  if (!info) return malformed(info.error().what);
  out.svn = info->svn;
  out.launch_measurement = info->launch_measurement;
  return {};
}

Result<void> read_cwt(const evidence::CoseSign1& message, const CborValue& claims, UnverifiedEndorsement& out) {
  std::string problem;
  Fields header(message.protected_header, problem);
  Fields cwt(claims, problem);
  out.issuer = cwt.text(kIss, "iss");
  out.feed = cwt.text(kSub, "sub");
  out.signing_time = cwt.time(kIat, "iat");
  const std::int64_t svn = cwt.number("svn", "svn");
  if (svn < 0) cwt.note("svn is negative");
  if (header.number(kPayloadHash, "the payload's hash algorithm") != kSha384) {
    header.note("the payload is no SHA-384 digest");
  }
  if (message.payload.size() != out.launch_measurement.size()) header.note("the payload has not 48 bytes");
  if (!problem.empty()) return malformed(problem);
  out.svn = static_cast<std::uint64_t>(svn);
  std::copy(message.payload.begin(), message.payload.end(), out.launch_measurement.begin());
  return {};
}

Result<void> read_claims(const evidence::CoseSign1& message, UnverifiedEndorsement& out) {
  const CborValue& header = message.protected_header;
  const CborValue* claims = header.find(kCwtClaims);
  const bool cwt = claims != nullptr || header.find(kPayloadHash) != nullptr;
  const bool json = header.find("iss") != nullptr || header.find("feed") != nullptr ||
                    header.find("signingtime") != nullptr || header.find(kContentType) != nullptr;
  // Two sets of claims would be two readings of one message.
  if (cwt && json) return malformed("the headers of both formats in one");
  if (json) return read_json(message, out);
  if (claims == nullptr) return malformed("no claims");
  return read_cwt(message, *claims, out);
}

}  // namespace

Result<UnverifiedEndorsement> parse_endorsement(ByteView cose) {
  const auto message = evidence::parse_cose_sign1(cose);
  if (!message) return malformed(message.error().detail);
  const auto algorithm = message->protected_header.find(kAlgorithm);
  const auto number = algorithm != nullptr ? algorithm->integer() : std::nullopt;
  if (!number) return malformed("the algorithm is missing or no integer");
  if (!knows_critical(message->protected_header)) return malformed("a critical header that is not known");
  auto chain = read_chain(message->protected_header);
  if (!chain) return base::pass_on(chain);
  UnverifiedEndorsement out{.algorithm = *number,
                            .chain = *std::move(chain),
                            .issuer = {},
                            .feed = {},
                            .signing_time = {},
                            .signed_bytes = evidence::signed_bytes(*message),
                            .signature = base::to_bytes(message->signature)};
  if (auto read = read_claims(*message, out); !read) return base::pass_on(read);
  return out;
}

}  // namespace blindbox::endorsements::uvm
