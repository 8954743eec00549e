// SPDX-License-Identifier: Apache-2.0
// Names of content by its digest (OCI image specification 1.1, "Descriptors", section Digests).
#pragma once

#include <compare>
#include <memory>
#include <string>
#include <string_view>

#include "blindbox/base/bytes.h"

namespace blindbox::image {

// "sha256:" or "sha512:" and lower-case hexadecimal digits; nothing else can be made.
class Digest {
 public:
  // Of text. ErrorKind::malformed for another algorithm, length or character.
  [[nodiscard]] static Result<Digest> parse(std::string_view text);
  // SHA-256 of bytes.
  [[nodiscard]] static Digest of(ByteView bytes);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string_view algorithm() const { return std::string_view(text_).substr(0, 6); }
  [[nodiscard]] std::string_view hex() const { return std::string_view(text_).substr(7); }
  // clang-tidy 14 takes the comparison with 0 for one with a pointer.
  auto operator<=>(const Digest&) const = default;  // NOLINT(modernize-use-nullptr)

 private:
  explicit Digest(std::string text) : text_(std::move(text)) {}
  friend class Hasher;
  std::string text_;
};

// The digest of pieces, by the algorithm of another digest or SHA-256.
class Hasher {
 public:
  explicit Hasher(std::string_view algorithm = "sha256");
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(ByteView bytes);
  // Once.
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace blindbox::image
