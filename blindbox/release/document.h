// SPDX-License-Identifier: Apache-2.0
// A signed document, of the form that The Update Framework uses: {"signatures": {KEY ID: SIGNATURE}, "signed": {...}} in
// canonical JSON (RFC 8785) with one line end. What is signed are the canonical bytes of "signed", whose "schema" keeps a
// signature of one kind of document from counting for another.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "blindbox/release/key.h"

namespace blindbox::release {

inline constexpr std::size_t kDocumentCap = std::size_t{1} << 20;  // bytes
inline constexpr std::size_t kMostSignatures = 64;

struct Document {
  std::string body;                                    // canonical JSON of an object
  std::map<std::string, SignatureValue> signatures{};  // by key id
};

// The keys whose signatures count, by key id.
using Keys = std::map<std::string, PublicKey>;

// name is for messages. ErrorKind::malformed for whatever write_document would not have written, but for a missing line
// end; ErrorKind::limit past the caps. Says nothing of the signatures.
[[nodiscard]] Result<Document> read_document(std::string_view text, const std::string& name);
[[nodiscard]] std::string write_document(const Document& document);

[[nodiscard]] Result<void> sign(Document& document, const SigningKey& key);

// How many of keys have signed. A wrong signature under one of them is ErrorKind::not_authentic; signatures of other
// keys are not looked at, since a rotation carries those of two sets.
[[nodiscard]] Result<std::size_t> count_signatures(const Document& document, const Keys& keys);

}  // namespace blindbox::release
