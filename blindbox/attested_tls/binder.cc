// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attested_tls/binder.h"

#include <bit>
#include <cassert>

namespace blindbox::attested_tls {
namespace {

using base::Sha512;
using base::view;

void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

// lp(x) = u16be(length) || x
void append_lp(Bytes& to, ByteView bytes) {
  assert(bytes.size() <= 0xFFFF);
  to.push_back(static_cast<std::byte>(bytes.size() >> 8));
  to.push_back(static_cast<std::byte>(bytes.size() & 0xFF));
  append(to, bytes);
}

void append_u32be(Bytes& to, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) to.push_back(static_cast<std::byte>(value >> shift & 0xFF));
}

Sha512 leaf_hash(const Sha512& binder) {
  Bytes input{std::byte{0}};
  append(input, binder);
  return base::sha512(input);
}

Sha512 node_hash(const Sha512& left, const Sha512& right) {
  Bytes input{std::byte{1}};
  append(input, left);
  append(input, right);
  return base::sha512(input);
}

// The largest power of two that is less than n.
std::size_t split(std::size_t n) { return std::bit_floor(n - 1); }

// The root over n leaves, whose paths grow by a sibling on the way up: n log n hashes for all of them together.
Sha512 join(const Sha512* binders, std::size_t n, evidence::TreePath* paths) {
  if (n == 1) return leaf_hash(*binders);
  const std::size_t k = split(n);
  const Sha512 left = join(binders, k, paths);
  const Sha512 right = join(binders + k, n - k, paths + k);
  for (std::size_t i = 0; i < n; ++i) paths[i].siblings.push_back(i < k ? right : left);
  return node_hash(left, right);
}

Bytes labelled_root(std::string_view label, std::uint32_t tree_size, const Sha512& root) {
  Bytes input;
  append_lp(input, view(label));
  append_u32be(input, tree_size);
  append(input, root);
  return input;
}

}  // namespace

base::Sha256 exporter_context(const Nonce& nonce) {
  Bytes input;
  append_lp(input, view("blindbox/context/v1"));
  append_lp(input, nonce);
  return base::sha256(input);
}

Sha512 binder(const Binding& binding) {
  Bytes input;
  append_lp(input, view("blindbox/binder/v1"));
  append_lp(input, view("server"));
  append_lp(input, binding.nonce);
  append_lp(input, binding.exporter);
  append_lp(input, binding.spki_sha256);
  append_lp(input, base::sha256(binding.manifest));
  if (binding.hpke.empty()) {
    append_lp(input, {});
  } else {
    append_lp(input, base::sha256(binding.hpke));
  }
  append_lp(input, base::sha256(binding.secondary));
  return base::sha512(input);
}

Tree build_tree(const std::vector<Sha512>& binders) {
  assert(!binders.empty());
  Tree tree;
  const auto size = static_cast<std::uint32_t>(binders.size());
  for (std::uint32_t index = 0; index < size; ++index) tree.paths.push_back({size, index, {}});
  tree.root = join(binders.data(), binders.size(), tree.paths.data());
  return tree;
}

std::optional<Sha512> root_from_path(const Sha512& binder, const evidence::TreePath& path) {
  if (path.leaf_index >= path.tree_size) return std::nullopt;
  std::uint32_t fn = path.leaf_index;
  std::uint32_t sn = path.tree_size - 1;
  Sha512 root = leaf_hash(binder);
  for (const Sha512& sibling : path.siblings) {
    if (sn == 0) return std::nullopt;
    if ((fn & 1U) != 0 || fn == sn) {
      root = node_hash(sibling, root);
      while ((fn & 1U) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      root = node_hash(root, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return std::nullopt;
  return root;
}

ByteArray<64> report_data(std::uint32_t tree_size, const Sha512& root) {
  return base::sha512(labelled_root("blindbox/report-data/v1", tree_size, root));
}

base::Sha256 tpm_qualifying_data(std::uint32_t tree_size, const Sha512& root) {
  return base::sha256(labelled_root("blindbox/tpm/v1", tree_size, root));
}

}  // namespace blindbox::attested_tls
