// SPDX-License-Identifier: Apache-2.0
// Strict reading of YAML: a small tree built from yaml-cpp's events, and readers that keep the first problem.
//
// YAML::Load is not used: it resolves aliases (a small file becomes a huge tree), keeps duplicate keys and converts
// "yes" and "0o17" as it likes. Here a scalar is text, and whoever reads it says what it must be.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::yaml {

struct Tree {
  enum class Kind { null, scalar, sequence, map };
  Kind kind = Kind::null;
  std::string text;            // of a scalar
  bool plain = false;          // a scalar without quotes
  int line = 0, column = 0;    // from 1 on
  std::vector<Tree> children;  // of a map: key, value, key, value
};

// An error of the given kind: not YAML, anchors, aliases, tags, more than one document, deeper than max_depth. The
// caller caps the size.
[[nodiscard]] Result<Tree> load(std::string_view yaml, std::string_view name, ErrorKind kind,
                                std::size_t max_depth = 8);

struct Problems {
  std::string name;
  std::string first;    // "policy.yml:3:5: ..."
  std::string missing;  // told only where nothing else is wrong: a misspelt key is missing under its right name too
};

// A place in the tree. Reading it as what it is not notes a problem and gives an empty value.
class Node {
 public:
  Node(const Tree& tree, Problems& problems) : tree_(&tree), problems_(&problems) {}

  void refuse(std::string_view what) const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool boolean() const;

  template <std::unsigned_integral T>
  [[nodiscard]] T number() const {
    T value = 0;
    const char* end = tree_->text.data() + tree_->text.size();
    const auto [stop, error] = std::from_chars(tree_->text.data(), end, value);
    if (tree_->kind == Tree::Kind::scalar && tree_->plain && error == std::errc{} && stop == end) return value;
    refuse("expected a decimal number up to " + std::to_string(static_cast<T>(~T{0})));
    return 0;
  }

  template <std::size_t N>
  [[nodiscard]] ByteArray<N> hex() const {
    ByteArray<N> out{};
    const auto bytes = base::from_hex(tree_->text);
    if (tree_->kind == Tree::Kind::scalar && bytes && bytes->size() == N) {
      std::copy(bytes->begin(), bytes->end(), out.begin());
    } else {
      refuse("expected " + std::to_string(N) + " bytes in hexadecimal, which are " + std::to_string(2 * N) +
             " characters");
    }
    return out;
  }

  // "0x3f": a mask of at most 64 bits.
  [[nodiscard]] std::uint64_t mask() const;

 private:
  friend class Map;
  friend class Sequence;
  const Tree* tree_;
  Problems* problems_;
};

class Map {
 public:
  explicit Map(const Node& node);
  [[nodiscard]] std::optional<Node> find(std::string_view key);
  // Where the key is missing: a problem, and an empty place to read on from.
  [[nodiscard]] Node need(std::string_view key);
  // Notes the keys that nobody asked for.
  void finish() const;

 private:
  Node node_;
  std::set<std::string, std::less<>> known_;
};

class Sequence {
 public:
  explicit Sequence(const Node& node);
  [[nodiscard]] std::vector<Node> items() const;

 private:
  Node node_;
};

}  // namespace blindbox::yaml
