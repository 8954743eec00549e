// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/keys.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <future>

#include "blindbox/base/bytes.h"
#include "blindbox/base/digest.h"
#include "blindbox/base/file.h"

namespace blindbox::emulator {
namespace {

using openssl::Bio;
using openssl::PKey;

constexpr std::size_t kKeyFileCap = 16 * 1024;

PKey new_rsa() { return PKey(EVP_RSA_gen(4096)); }
PKey new_ec() { return PKey(EVP_EC_gen("P-384")); }

struct Slot {
  const char* file;
  PKey Keys::*key;
  bool rsa;
};
constexpr std::array<Slot, 5> kSlots{{{"ark.pem", &Keys::ark, true},
                                      {"ask.pem", &Keys::ask, true},
                                      {"asvk.pem", &Keys::asvk, true},
                                      {"vcek.pem", &Keys::vcek, false},
                                      {"vlek.pem", &Keys::vlek, false}}};

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

Result<PKey> read_key(const std::string& path, bool rsa) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return base::fail(ErrorKind::io, "others can read the emulator's key " + path, {}, "chmod 600 " + path);
  }
  auto text = base::read_file(path, kKeyFileCap);
  if (!text) return base::pass_on(text);
  const Bio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  PKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, const_cast<char*>("")));
  const bool right = key && (rsa ? EVP_PKEY_is_a(key.get(), "RSA") && EVP_PKEY_get_bits(key.get()) == 4096
                                 : EVP_PKEY_is_a(key.get(), "EC") && EVP_PKEY_get_bits(key.get()) == 384);
  if (!right) {
    return base::fail(ErrorKind::malformed, path + " is not a private key in PEM of the kind that belongs there",
                      rsa ? "wanted RSA with 4096 bits" : "wanted EC on P-384", "remove the folder to make a new set");
  }
  return key;
}

Result<void> write_key(const std::string& path, EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  char* text = nullptr;
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return base::fail(ErrorKind::internal, "cannot encode an emulator key");
  }
  const long length = BIO_get_mem_data(bio.get(), &text);
  return base::write_file(path, base::view({text, static_cast<std::size_t>(length)}), 0600);
}

}  // namespace

Result<Keys> generate_keys() {
  // Each RSA-4096 key takes a second or more, and they do not depend on each other.
  auto ark = std::async(std::launch::async, new_rsa);
  auto ask = std::async(std::launch::async, new_rsa);
  Keys keys;
  keys.asvk = new_rsa();
  keys.vcek = new_ec();
  keys.vlek = new_ec();
  keys.ark = ark.get();
  keys.ask = ask.get();
  for (const Slot& slot : kSlots) {
    if (!(keys.*slot.key)) return base::fail(ErrorKind::internal, "OpenSSL cannot generate the emulator's keys");
  }
  return keys;
}

Result<Keys> load_keys(const std::string& folder) {
  Keys keys;
  for (const Slot& slot : kSlots) {
    auto key = read_key(folder + "/" + slot.file, slot.rsa);
    if (!key) return base::pass_on(key);
    keys.*slot.key = std::move(*key);
  }
  return keys;
}

Result<void> save_keys(const Keys& keys, const std::string& folder) {
  // A set appears whole or not at all, for several tests may start at once: written aside, then renamed.
  std::string aside = folder + ".XXXXXX";
  if (::mkdtemp(aside.data()) == nullptr) {
    return base::fail(ErrorKind::io, "cannot make the emulator's key folder " + folder + ": " + std::strerror(errno));
  }
  Result<void> done;
  for (const Slot& slot : kSlots) {
    if (done) done = write_key(aside + "/" + slot.file, (keys.*slot.key).get());
  }
  if (done && ::rename(aside.c_str(), folder.c_str()) == 0) return {};
  // Somebody else's set came first and stays.
  const bool lost = done && (errno == ENOTEMPTY || errno == EEXIST);
  if (done && !lost) {
    done = base::fail(ErrorKind::io, "cannot write the emulator's keys to " + folder + ": " + std::strerror(errno));
  }
  std::error_code ignored;
  std::filesystem::remove_all(aside, ignored);
  return done;
}

Result<Keys> load_or_generate_keys(const std::string& folder) {
  const bool any =
      std::any_of(kSlots.begin(), kSlots.end(), [&](const Slot& slot) { return exists(folder + "/" + slot.file); });
  if (!any) {
    auto keys = generate_keys();
    if (!keys) return keys;
    if (auto saved = save_keys(*keys, folder); !saved) return base::pass_on(saved);
  }
  return load_keys(folder);
}

std::string fingerprint(const Keys& keys) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(keys.ark.get(), &der);
  if (length <= 0) return {};
  const auto digest = base::sha256(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return base::to_hex(digest);
}

}  // namespace blindbox::emulator
