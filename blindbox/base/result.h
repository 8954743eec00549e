// SPDX-License-Identifier: Apache-2.0
// A value or an Error. Exceptions stop at third-party boundaries; input never reaches an assert.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "blindbox/base/error.h"

namespace blindbox::base {

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorKind kind, std::string what, std::string detail = {},
                                                std::string hint = {}) {
  return tl::unexpected<Error>(Error{kind, std::move(what), std::move(detail), std::move(hint)});
}

// Hands an error of one Result on as the error of another.
template <typename T>
[[nodiscard]] tl::unexpected<Error> pass_on(Result<T>& result) {
  return tl::unexpected<Error>(std::move(result).error());
}

}  // namespace blindbox::base

namespace blindbox {
using base::Result;
}  // namespace blindbox
