// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstdlib>

namespace blindbox::image {
namespace {

bool is_lower_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  const bool known =
      (text.starts_with("sha256:") && text.size() == 7 + 64) || (text.starts_with("sha512:") && text.size() == 7 + 128);
  if (!known || !is_lower_hex(text.substr(7))) {
    constexpr std::size_t kShown = 160;
    return base::fail(ErrorKind::malformed, "not a digest: \"" + std::string(text.substr(0, kShown)) + "\"",
                      "known are sha256: with 64 and sha512: with 128 lower-case hexadecimal digits");
  }
  return Digest(std::string(text));
}

Digest Digest::of(ByteView bytes) {
  Hasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

struct Hasher::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  std::string name;
};

Hasher::Hasher(std::string_view algorithm) : state_(std::make_unique<State>()) {
  state_->name = algorithm;
  const EVP_MD* const chosen = algorithm == "sha512" ? EVP_sha512() : EVP_sha256();
  // Fails only where memory or the provider is gone; a wrong digest must never be handed out.
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), chosen, nullptr) != 1) std::abort();
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(ByteView bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

Digest Hasher::finish() {
  std::array<std::byte, EVP_MAX_MD_SIZE> out{};
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), reinterpret_cast<unsigned char*>(out.data()), &length) != 1) {
    std::abort();
  }
  return Digest(state_->name + ":" + base::to_hex(ByteView(out).first(length)));
}

}  // namespace blindbox::image
