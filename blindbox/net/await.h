// SPDX-License-Identifier: Apache-2.0
// How our coroutines wait: the error comes back as a value, never as an exception.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace blindbox::net {

inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace blindbox::net
