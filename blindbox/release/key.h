// SPDX-License-Identifier: Apache-2.0
// Ed25519 (RFC 8032) by OpenSSL: the keys that sign releases and trust roots.
#pragma once

#include <string>

#include "blindbox/base/digest.h"
#include "blindbox/base/openssl.h"

namespace blindbox::release {

using PublicKey = ByteArray<32>;
using SignatureValue = ByteArray<64>;

inline constexpr std::size_t kKeyFileCap = std::size_t{16} << 10;

// SHA-256 of the 32 bytes, in hexadecimal.
[[nodiscard]] std::string key_id(const PublicKey& key);

// PEM, SubjectPublicKeyInfo (RFC 8410), as "openssl pkey -pubout" writes it.
[[nodiscard]] std::string write_public_key(const PublicKey& key);
// ErrorKind::malformed for every other kind of key.
[[nodiscard]] Result<PublicKey> read_public_key(ByteView pem, const std::string& name);

[[nodiscard]] bool verify(const PublicKey& key, ByteView message, const SignatureValue& signature);

class SigningKey {
 public:
  [[nodiscard]] static Result<SigningKey> generate();
  // PEM, PKCS #8, not encrypted. ErrorKind::malformed for every other kind of key; name is for messages.
  [[nodiscard]] static Result<SigningKey> read(ByteView pem, const std::string& name);
  // A file that others than its owner can read is refused: ErrorKind::forbidden.
  [[nodiscard]] static Result<SigningKey> read_file(const std::string& path);

  [[nodiscard]] Result<std::string> pem() const;
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] Result<SignatureValue> sign(ByteView message) const;

 private:
  SigningKey(openssl::PKey key, const PublicKey& public_key) : key_(std::move(key)), public_key_(public_key) {}
  openssl::PKey key_;
  PublicKey public_key_;
};

}  // namespace blindbox::release
