// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/bundle.h"

#include <algorithm>

#include "blindbox/evidence/cbor.h"

namespace blindbox::evidence {
namespace {

using base::fail;

// The keys of README.md, in order.
enum Key : std::uint64_t {
  kPlatform = 1,
  kReport = 2,
  kCertificates = 3,
  kCrls = 4,
  kUvmEndorsement = 5,
  kSecondary = 6,
  kTreePath = 7,
  kManifest = 8,
  kHpke = 9,
};
enum PathKey : std::uint64_t { kTreeSize = 1, kLeafIndex = 2, kSiblings = 3 };

constexpr std::string_view kSevSnp = "sev-snp";
constexpr std::uint64_t kMaxTreeSize = std::uint64_t{1} << 16;
constexpr std::size_t kMaxListLength = 32;

void write_bytes(CborWriter& out, Key key, const Bytes& value) {
  if (value.empty()) return;
  out.unsigned_integer(key);
  out.bytes(value);
}

void write_list(CborWriter& out, Key key, const std::vector<Bytes>& values) {
  if (values.empty()) return;
  out.unsigned_integer(key);
  out.array(values.size());
  for (const Bytes& value : values) out.bytes(value);
}

void write_path(CborWriter& out, const TreePath& path) {
  out.unsigned_integer(kTreePath);
  out.map(3);
  out.unsigned_integer(kTreeSize);
  out.unsigned_integer(path.tree_size);
  out.unsigned_integer(kLeafIndex);
  out.unsigned_integer(path.leaf_index);
  out.unsigned_integer(kSiblings);
  out.array(path.siblings.size());
  for (const base::Sha512& sibling : path.siblings) out.bytes(sibling);
}

// What is empty is left out, so that there is one encoding of a bundle.
Bytes read_bytes(CborReader& in) {
  const ByteView value = in.bytes();
  if (value.empty()) in.refuse("an empty value that should be left out");
  return base::to_bytes(value);
}

std::vector<Bytes> read_list(CborReader& in) {
  const std::size_t count = in.array();
  if (count == 0) in.refuse("an empty list that should be left out");
  if (count > kMaxListLength) in.refuse("a list of more than " + std::to_string(kMaxListLength) + " entries");
  std::vector<Bytes> values;
  for (std::size_t i = 0; i < count && in.ok(); ++i) values.push_back(base::to_bytes(in.bytes()));
  return values;
}

std::uint32_t read_path_number(CborReader& in, std::optional<std::uint64_t>& previous, PathKey key) {
  const std::uint64_t found = in.key(previous);
  if (found != key) in.refuse("the tree path must hold the keys 1, 2 and 3");
  previous = found;
  const std::uint64_t value = in.unsigned_integer();
  if (value > kMaxTreeSize) in.refuse("a tree of more than 65536 leaves");
  return in.ok() ? static_cast<std::uint32_t>(value) : 0;
}

TreePath read_path(CborReader& in) {
  TreePath path;
  if (in.map() != 3) in.refuse("the tree path must hold the keys 1, 2 and 3");
  std::optional<std::uint64_t> previous;
  path.tree_size = read_path_number(in, previous, kTreeSize);
  path.leaf_index = read_path_number(in, previous, kLeafIndex);
  if (in.key(previous) != kSiblings) in.refuse("the tree path must hold the keys 1, 2 and 3");
  const std::size_t count = in.array();
  if (!in.ok()) return path;
  if (path.leaf_index >= path.tree_size) {
    in.refuse("the leaf index lies outside the tree");
  } else if (count != path_length(path.tree_size, path.leaf_index)) {
    in.refuse("the tree path has another length than its tree and leaf need");
  }
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const ByteView sibling = in.bytes();
    base::Sha512& out = path.siblings.emplace_back();
    if (sibling.size() != out.size()) return in.refuse("a sibling hash has not 64 bytes"), path;
    std::copy(sibling.begin(), sibling.end(), out.begin());
  }
  return path;
}

void read_value(CborReader& in, std::uint64_t key, Bundle& bundle) {
  switch (key) {
    case kPlatform:
      if (in.text() != kSevSnp) in.refuse("an unknown platform");
      return;
    case kReport: bundle.primary.report = base::to_bytes(in.bytes()); return;
    case kCertificates: bundle.primary.certificates = read_list(in); return;
    case kCrls: bundle.primary.crls = read_list(in); return;
    case kUvmEndorsement: bundle.primary.uvm_endorsement = read_bytes(in); return;
    case kSecondary: bundle.secondary = read_bytes(in); return;
    case kTreePath: bundle.path = read_path(in); return;
    case kManifest: bundle.manifest = base::to_bytes(in.bytes()); return;
    case kHpke: bundle.hpke = read_bytes(in); return;
    default: in.refuse("unknown key " + std::to_string(key));
  }
}

}  // namespace

std::size_t path_length(std::uint32_t tree_size, std::uint32_t leaf_index) {
  // RFC 9162 section 2.1.3.2: from the leaf upwards, a node that is its level's last and has no partner moves up
  // without a sibling.
  std::size_t length = 0;
  for (std::uint32_t index = leaf_index, last = tree_size - 1; last > 0; index >>= 1U, last >>= 1U) {
    if (index % 2 == 1 || index != last) ++length;
  }
  return length;
}

Bytes encode_bundle(const Bundle& bundle) {
  const Evidence& primary = bundle.primary;
  const auto present = [](const auto& field) { return field.empty() ? std::size_t{0} : std::size_t{1}; };
  CborWriter out;
  out.map(4 + present(primary.certificates) + present(primary.crls) + present(primary.uvm_endorsement) +
          present(bundle.secondary) + present(bundle.hpke));
  out.unsigned_integer(kPlatform);
  out.text(kSevSnp);
  out.unsigned_integer(kReport);
  out.bytes(primary.report);
  write_list(out, kCertificates, primary.certificates);
  write_list(out, kCrls, primary.crls);
  write_bytes(out, kUvmEndorsement, primary.uvm_endorsement);
  write_bytes(out, kSecondary, bundle.secondary);
  write_path(out, bundle.path);
  out.unsigned_integer(kManifest);
  out.bytes(bundle.manifest);
  write_bytes(out, kHpke, bundle.hpke);
  return out.take();
}

Result<Bundle> decode_bundle(ByteView cbor) {
  if (cbor.size() > kBundleCap) {
    return fail(ErrorKind::malformed, "the evidence bundle is larger than " + std::to_string(kBundleCap) + " bytes");
  }
  CborReader in(cbor);
  Bundle bundle;
  std::uint64_t seen = 0;
  std::optional<std::uint64_t> previous;
  const std::size_t count = in.map();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t key = in.key(previous);
    previous = key;
    if (in.ok()) read_value(in, key, bundle);
    if (in.ok()) seen |= std::uint64_t{1} << key;
  }
  for (const Key needed : {kPlatform, kReport, kTreePath, kManifest}) {
    if (in.ok() && (seen >> needed & 1U) == 0) in.refuse("key " + std::to_string(needed) + " is missing");
  }
  if (const std::string problem = in.finish(); !problem.empty()) {
    return fail(ErrorKind::malformed, "malformed evidence bundle", problem);
  }
  return bundle;
}

}  // namespace blindbox::evidence
