// SPDX-License-Identifier: Apache-2.0
// The hashes of the protocol against answers that another program computed (tests/vectors/protocol/generate.py).
#include "blindbox/attested_tls/binder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/base/file.h"

namespace blindbox::attested_tls {
namespace {

using base::Sha512;
using nlohmann::json;

json vector(const std::string& name) {
  const auto file = base::read_file(BLINDBOX_SOURCE_DIR "/tests/vectors/protocol/" + name + ".json", 1 << 20);
  return json::parse(base::as_text(file.value()));
}

Bytes bytes(const json& hex) { return base::from_hex(hex.get<std::string>()).value(); }

template <std::size_t N>
ByteArray<N> array(const json& hex) {
  const Bytes from = bytes(hex);
  ByteArray<N> to{};
  EXPECT_EQ(from.size(), N);
  std::copy_n(from.begin(), std::min(N, from.size()), to.begin());
  return to;
}

std::vector<Sha512> hashes(const json& list) {
  std::vector<Sha512> out;
  for (const json& hex : list) out.push_back(array<64>(hex));
  return out;
}

TEST(ExporterContext, HasTheKnownAnswers) {
  for (const char* name : {"context", "context_zero"}) {
    const json known = vector(name);
    EXPECT_EQ(base::to_hex(exporter_context(array<32>(known["nonce"]))), known["context"]) << name;
  }
}

Sha512 binder_of(const json& known) {
  const Bytes manifest = bytes(known["manifest"]), hpke = bytes(known["hpke"]), secondary = bytes(known["secondary"]);
  return binder({array<32>(known["nonce"]), array<32>(known["exporter"]), array<32>(known["spki_sha256"]), manifest,
                 hpke, secondary});
}

TEST(Binder, HasTheKnownAnswers) {
  for (const char* name : {"binder", "binder_hpke", "binder_secondary", "binder_hpke_secondary"}) {
    const json known = vector(name);
    EXPECT_EQ(base::to_hex(binder_of(known)), known["binder"]) << name;
  }
}

TEST(Binder, CoversEveryInput) {
  const json known = vector("binder_hpke_secondary");
  for (const char* input : {"nonce", "exporter", "spki_sha256", "manifest", "hpke", "secondary"}) {
    json changed = known;
    Bytes value = bytes(known[input]);
    value.back() ^= std::byte{1};
    changed[input] = base::to_hex(value);
    EXPECT_NE(binder_of(changed), binder_of(known)) << input;
  }
  // A key configuration is no secondary evidence.
  json swapped = known;
  std::swap(swapped["hpke"], swapped["secondary"]);
  EXPECT_NE(binder_of(swapped), binder_of(known));
}

class KnownTree : public testing::TestWithParam<int> {
 protected:
  json known_ = vector("tree_" + std::to_string(GetParam()));
  std::vector<Sha512> binders_ = hashes(known_["binders"]);
  std::uint32_t size_ = static_cast<std::uint32_t>(binders_.size());
  Sha512 root_ = array<64>(known_["root"]);
};

TEST_P(KnownTree, HasTheKnownRootAndPaths) {
  const Tree tree = build_tree(binders_);
  EXPECT_EQ(tree.root, root_);
  ASSERT_EQ(tree.paths.size(), size_);
  for (std::uint32_t i = 0; i < size_; ++i) {
    EXPECT_EQ(tree.paths[i].tree_size, size_);
    EXPECT_EQ(tree.paths[i].leaf_index, i);
    EXPECT_EQ(tree.paths[i].siblings, hashes(known_["paths"][i])) << i;
    EXPECT_EQ(root_from_path(binders_[i], {size_, i, hashes(known_["paths"][i])}), root_) << i;
  }
  EXPECT_EQ(base::to_hex(report_data(size_, root_)), known_["report_data"]);
  EXPECT_EQ(base::to_hex(tpm_qualifying_data(size_, root_)), known_["tpm_qualifying_data"]);
}

TEST_P(KnownTree, LeavesAreHashedApartFromNodes) {
  // A tree of one leaf is that leaf: root_from_path with no siblings shows it.
  for (std::uint32_t i = 0; i < size_; ++i) {
    EXPECT_EQ(base::to_hex(*root_from_path(binders_[i], {1, 0, {}})), known_["leaves"][i]);
  }
}

TEST_P(KnownTree, NoOtherPathLeadsToTheRoot) {
  for (std::uint32_t i = 0; i < size_; ++i) {
    const evidence::TreePath right{size_, i, hashes(known_["paths"][i])};
    const auto leads_elsewhere = [&](const evidence::TreePath& path) {
      return root_from_path(binders_[i], path) != root_;
    };
    evidence::TreePath path = right;
    path.siblings.push_back(root_);
    EXPECT_EQ(root_from_path(binders_[i], path), std::nullopt) << "too long";
    for (std::uint32_t other = 0; other < size_ + 2; ++other) {
      path = right;
      path.leaf_index = other;
      if (other >= size_) {
        EXPECT_EQ(root_from_path(binders_[i], path), std::nullopt) << "outside the tree";
      } else if (other != i) {
        EXPECT_TRUE(leads_elsewhere(path)) << i << " as " << other;
      }
    }
    for (std::uint32_t other = 0; other < size_; ++other) {
      EXPECT_EQ(root_from_path(binders_[other], right) == root_, other == i) << other << " in the place of " << i;
    }
    if (right.siblings.empty()) continue;
    path = right;
    path.siblings.pop_back();
    EXPECT_EQ(root_from_path(binders_[i], path), std::nullopt) << "too short";
    path = right;
    path.siblings.front().front() ^= std::byte{1};
    EXPECT_TRUE(leads_elsewhere(path)) << "another sibling";
    if (right.siblings.size() < 2) continue;
    path = right;
    std::swap(path.siblings.front(), path.siblings.back());
    EXPECT_TRUE(leads_elsewhere(path)) << "swapped siblings";
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, KnownTree, testing::Values(1, 2, 3, 5, 8));

TEST(RootFromPath, RefusesImpossibleTrees) {
  const Sha512 any{};
  EXPECT_EQ(root_from_path(any, {0, 0, {}}), std::nullopt);
  EXPECT_EQ(root_from_path(any, {1, 1, {}}), std::nullopt);
  EXPECT_EQ(root_from_path(any, {2, 0, {}}), std::nullopt);
  EXPECT_EQ(root_from_path(any, {0xFFFFFFFF, 0xFFFFFFFE, std::vector<Sha512>(5)}), std::nullopt);
}

// The size is hashed beside the root: a path with the right hashes for a tree of another size proves nothing.
TEST(ReportData, CoversTheSizeOfTheTree) {
  const Sha512 root{};
  EXPECT_NE(report_data(4, root), report_data(5, root));
  EXPECT_NE(tpm_qualifying_data(4, root), tpm_qualifying_data(5, root));
}

TEST(EveryTree, LeadsFromEachLeafToTheRootInPathsOfTheRightLength) {
  std::vector<Sha512> binders;
  for (std::uint32_t size = 1; size <= 70; ++size) {
    binders.push_back(base::sha512(base::view(std::to_string(size))));
    const Tree tree = build_tree(binders);
    for (std::uint32_t i = 0; i < size; ++i) {
      ASSERT_EQ(root_from_path(binders[i], tree.paths[i]), tree.root) << i << " of " << size;
      ASSERT_EQ(tree.paths[i].siblings.size(), evidence::path_length(size, i));
    }
  }
}

TEST(Challenge, HasOneEncoding) {
  Nonce nonce;
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::byte>(i);
  const Bytes cbor = encode_challenge(nonce);
  EXPECT_EQ(base::to_hex(cbor), "a1015820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  EXPECT_EQ(decode_challenge(cbor), nonce);
  for (std::size_t length = 0; length < cbor.size(); ++length) {
    EXPECT_EQ(decode_challenge(ByteView(cbor).first(length)).error().kind, ErrorKind::malformed) << length;
  }
  for (std::size_t i = 0; i < 4; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = cbor;
      changed[i] ^= static_cast<std::byte>(1 << bit);
      EXPECT_FALSE(decode_challenge(changed)) << "byte " << i << " bit " << bit;
    }
  }
  Bytes longer = cbor;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_challenge(longer));
  // The same map in other spellings: an indefinite map, a longer key, a longer length.
  const std::string hex = base::to_hex(nonce);
  for (const std::string& other :
       {"bf015820" + hex + "ff", "a118015820" + hex, "a101590020" + hex, "a1015f5820" + hex + "ff"}) {
    EXPECT_FALSE(decode_challenge(base::from_hex(other).value())) << other;
  }
}

}  // namespace
}  // namespace blindbox::attested_tls
