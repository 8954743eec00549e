// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/key.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "blindbox/base/fd.h"
#include "blindbox/base/file.h"

namespace blindbox::release {
namespace {

using base::fail;

// OpenSSL would ask on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

Result<PublicKey> raw_public_key(const EVP_PKEY& key) {
  PublicKey out{};
  std::size_t size = out.size();
  auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
  if (EVP_PKEY_get_id(&key) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(&key, bytes, &size) != 1 ||
      size != out.size()) {
    return fail(ErrorKind::malformed, "not an Ed25519 key");
  }
  return out;
}

openssl::Bio reader(ByteView pem) {
  return openssl::Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), kKeyFileCap))));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

std::string key_id(const PublicKey& key) { return base::to_hex(base::sha256(key)); }

std::string write_public_key(const PublicKey& key) {
  const openssl::PKey pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, base::uchars(key), key.size()));
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  if (!pkey || !bio || PEM_write_bio_PUBKEY(bio.get(), pkey.get()) != 1) return "";
  return text_of(bio.get());
}

Result<PublicKey> read_public_key(ByteView pem, const std::string& name) {
  const openssl::Bio bio = reader(pem);
  const openssl::PKey key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, &no_password, nullptr) : nullptr);
  auto raw = key ? raw_public_key(*key) : Result<PublicKey>(fail(ErrorKind::malformed, "no public key"));
  if (raw) return raw;
  return fail(ErrorKind::malformed, name + " is no Ed25519 public key in PEM", "",
              "\"blindbox release key generate FILE\" writes FILE.pub");
}

bool verify(const PublicKey& key, ByteView message, const SignatureValue& signature) {
  const openssl::PKey pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, base::uchars(key), key.size()));
  const openssl::DigestContext context(EVP_MD_CTX_new());
  if (!pkey || !context) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) != 1) return false;
  // 1 alone is yes: OpenSSL tells errors by 0 and by negative numbers.
  return EVP_DigestVerify(context.get(), base::uchars(signature), signature.size(), base::uchars(message),
                          message.size()) == 1;
}

Result<SigningKey> SigningKey::generate() {
  openssl::PKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return fail(ErrorKind::internal, "no key could be generated");
  auto raw = raw_public_key(*key);
  if (!raw) return base::pass_on(raw);
  return SigningKey(std::move(key), *raw);
}

Result<SigningKey> SigningKey::read(ByteView pem, const std::string& name) {
  const openssl::Bio bio = reader(pem);
  openssl::PKey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr) : nullptr);
  auto raw = key ? raw_public_key(*key) : Result<PublicKey>(fail(ErrorKind::malformed, "no private key"));
  if (raw) return SigningKey(std::move(key), *raw);
  return fail(ErrorKind::malformed, name + " is no Ed25519 private key in PEM without a password", "",
              "\"blindbox release key generate FILE\" makes one");
}

Result<SigningKey> SigningKey::read_file(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 077) != 0) {
    return fail(ErrorKind::forbidden, "others can read the private key " + path, "", "chmod 600 " + path);
  }
  auto pem = base::read_file(path, kKeyFileCap);
  if (!pem) return base::pass_on(pem);
  auto key = read(*pem, path);
  OPENSSL_cleanse(pem->data(), pem->size());
  return key;
}

Result<std::string> SigningKey::pem() const {
  const openssl::Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(ErrorKind::internal, "the key could not be written");
  }
  return text_of(bio.get());
}

Result<SignatureValue> SigningKey::sign(ByteView message) const {
  SignatureValue out{};
  std::size_t size = out.size();
  const openssl::DigestContext context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, base::uchars(message),
                     message.size()) != 1 ||
      size != out.size()) {
    return fail(ErrorKind::internal, "the document could not be signed");
  }
  return out;
}

}  // namespace blindbox::release
