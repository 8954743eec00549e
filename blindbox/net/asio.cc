// SPDX-License-Identifier: Apache-2.0
// The one translation unit that compiles Asio's and Beast's bodies (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
