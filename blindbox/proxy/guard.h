// SPDX-License-Identifier: Apache-2.0
// Which requests a loopback proxy takes: a web page in the user's browser must not reach it (DNS rebinding, cross-site
// requests).
#pragma once

#include "blindbox/http/message.h"

namespace blindbox::proxy {

// ErrorKind::forbidden where Host is no loopback name, or an Origin is present that is none; protocol for paths that
// belong to the channel itself.
[[nodiscard]] Result<void> check_local_request(const http::RequestHead& head);

}  // namespace blindbox::proxy
