// SPDX-License-Identifier: Apache-2.0
// The names that we take from Boost.Asio.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>

#include "blindbox/base/result.h"

namespace blindbox::net {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using Executor = asio::any_io_executor;
using Duration = std::chrono::milliseconds;

// Work in progress on one connection; everything of ours that waits returns one.
template <typename T>
using Task = asio::awaitable<T>;

}  // namespace blindbox::net
