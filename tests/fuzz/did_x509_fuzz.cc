// SPDX-License-Identifier: Apache-2.0
// A did:x509 name, and a path of two certificates. What resolves names an authority of the path by its fingerprint, has
// a predicate, and resolves no more with another version, a path behind it, or a predicate that cannot hold.
//
// The input: the name, a zero byte, then two certificates in DER, each behind its length in two bytes.
#include <algorithm>

#include "blindbox/base/reader.h"
#include "blindbox/endorsements/did_x509.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::ByteView;

ByteView take_sized(blindbox::base::Reader& reader) {
  const std::size_t high = reader.u8();
  return reader.take(high << 8U | reader.u8());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::endorsements::check_did_x509;
  using blindbox::fuzz::must;
  const ByteView input = blindbox::fuzz::input(data, size);
  const auto zero = static_cast<std::size_t>(std::find(input.begin(), input.end(), std::byte{0}) - input.begin());
  const std::string did(blindbox::base::as_text(input.first(zero)));
  blindbox::base::Reader reader(input.subspan(std::min(zero + 1, input.size())));
  const ByteView leaf = take_sized(reader);
  const ByteView authority = take_sized(reader);
  const auto path = blindbox::endorsements::Path::parse({leaf, authority});
  if (!path) return 0;
  (void)check_path(*path, std::nullopt).has_value();
  (void)check_path(*path, blindbox::base::Time(std::chrono::seconds(1700000000))).has_value();
  const auto resolved = check_did_x509(did, *path);
  must(resolved.has_value() || !resolved.error().what.empty(), "a refusal says why");
  if (!resolved) return 0;
  must(did.starts_with("did:x509:0:sha"), "a name of version 0");
  must(did.find("::") != std::string::npos, "a name with a predicate");
  must(!check_did_x509(did + "/a", *path) || did.find('#') != std::string::npos, "no path");
  must(!check_did_x509("did:x509:1" + did.substr(10), *path), "no other version");
  const std::string name = did.substr(0, did.find('#'));
  must(check_did_x509(name + "#key", *path).has_value(), "a fragment changes nothing");
  must(!check_did_x509(name + "::nobody:a", *path), "every predicate holds");
  return 0;
}
