// SPDX-License-Identifier: Apache-2.0
// Which server a request is for, and what the server gets to see of that choice: nothing.
#pragma once

#include "blindbox/http/message.h"

namespace blindbox::proxy {

// 1 to 32 of a-z, 0-9, "-" and "_", the first no "-" or "_".
[[nodiscard]] bool is_server_name(std::string_view name);

// The name in Blindbox-Server or in a target of "/@NAME/...", both taken out of the head; empty where there is none.
// ErrorKind::protocol for what is no name, and where the two differ.
[[nodiscard]] Result<std::string> take_route(http::RequestHead& head);

// May this be sent a second time where the first got no answer? Methods that change nothing (RFC 9110 section 9.2.2),
// and completions, which only compute.
[[nodiscard]] bool may_repeat(const http::RequestHead& head);

}  // namespace blindbox::proxy
