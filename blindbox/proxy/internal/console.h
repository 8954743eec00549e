// SPDX-License-Identifier: Apache-2.0
// The page and its interface, below /.blindbox/ at the proxy's own address; nothing of it goes to any server.
#pragma once

#include "blindbox/proxy/internal/state.h"

namespace blindbox::proxy::internal {

// Is the request for the proxy itself? So are all below /.blindbox/, and a browser's for the root.
[[nodiscard]] bool is_console(const http::RequestHead& head);

// Answers it; false where the connection must end. reader has read the head alone.
net::Task<bool> serve_console(StatePtr state, const http::RequestHead& head, http::RequestReader& reader,
                              net::Stream& stream);

}  // namespace blindbox::proxy::internal
