// SPDX-License-Identifier: Apache-2.0
#include "blindbox/base/digest.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "blindbox/base/open.h"

namespace blindbox::base {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

// Fetched once: EVP_sha256() would have every hash look its provider up again, which costs more than hashing a key.
const EVP_MD* fetched(const char* name) {
  const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  if (algorithm == nullptr) std::abort();
  return algorithm;  // kept until the program ends
}

template <std::size_t N>
ByteArray<N> digest(const EVP_MD* algorithm, ByteView bytes) {
  ByteArray<N> out{};
  unsigned int length = N;
  // Fails only where memory or the provider is gone; a wrong digest must never be handed out.
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &length, algorithm,
                 nullptr) != 1 ||
      length != N) {
    std::abort();
  }
  return out;
}

}  // namespace

Sha256 sha256(ByteView bytes) {
  static const EVP_MD* const algorithm = fetched("SHA2-256");
  return digest<32>(algorithm, bytes);
}
Sha384 sha384(ByteView bytes) {
  static const EVP_MD* const algorithm = fetched("SHA2-384");
  return digest<48>(algorithm, bytes);
}
Sha512 sha512(ByteView bytes) {
  static const EVP_MD* const algorithm = fetched("SHA2-512");
  return digest<64>(algorithm, bytes);
}

Result<Sha256> sha256_file(const std::string& path) {
  auto file = open_input(path);
  if (!file) return pass_on(file);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) std::abort();
  Bytes buffer(std::size_t{1} << 20);
  while (true) {
    const ssize_t got = ::read(file->get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorKind::io, "cannot read " + path + ": " + std::strerror(errno));
    if (got == 0) break;
    if (EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(got)) != 1) std::abort();
  }
  Sha256 out{};
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), &length) != 1) std::abort();
  return out;
}

}  // namespace blindbox::base
