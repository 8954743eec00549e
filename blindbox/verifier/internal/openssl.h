// SPDX-License-Identifier: Apache-2.0
// OpenSSL's objects with an owner, as the checks of signatures need them.
#pragma once

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

#include "blindbox/base/bytes.h"

namespace blindbox::verifier::internal {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using ParamsBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;

// A big-endian number; null where there is no memory for it.
[[nodiscard]] inline Number big_endian_number(ByteView bytes) {
  return Number(BN_bin2bn(base::uchars(bytes), static_cast<int>(bytes.size()), nullptr));
}

}  // namespace blindbox::verifier::internal
