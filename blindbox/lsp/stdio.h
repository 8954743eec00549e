// SPDX-License-Identifier: Apache-2.0
// The server on a pair of descriptors, pipes, sockets or files: each has a thread of its own, so that an editor that
// writes without reading, or the other way round, is never waited for by the work.
#pragma once

#include <boost/asio/io_context.hpp>

#include "blindbox/lsp/server.h"

namespace blindbox::lsp {

// What the editor may leave unread before it counts as gone.
inline constexpr std::size_t kUnreadCap = std::size_t{64} << 20;

// Until "exit", the end of the input, or a broken output; the exit status that LSP asks for. ErrorKind::protocol and
// ErrorKind::limit where the input is no language client's. The loop is used by this call alone; the descriptors stay
// open.
[[nodiscard]] Result<int> serve(boost::asio::io_context& loop, ServerOptions options, int input, int output);

}  // namespace blindbox::lsp
