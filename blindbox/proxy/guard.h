// SPDX-License-Identifier: Apache-2.0
// Which requests a loopback proxy takes: a web page in the user's browser must not reach it (DNS rebinding, cross-site
// requests), nor must another user of the machine where there is a token or a Unix socket.
#pragma once

#include "blindbox/http/message.h"

namespace blindbox::proxy {

// ErrorKind::forbidden where Host is no loopback name, an Origin is present that is none, or a browser says that another
// site's page embeds it; protocol for paths that belong to the channel itself.
[[nodiscard]] Result<void> check_local_request(const http::RequestHead& head);
// The last of these alone: of the target as the server would get it, once the server's name is taken out.
[[nodiscard]] Result<void> check_target(std::string_view target);

// Where an editor puts the token that --token-file holds: this field, Authorization: Bearer as for an API key, or the
// cookie that the page's own address sets. What held it is taken out of the head, since it is nobody else's business.
inline constexpr std::string_view kTokenField = "Blindbox-Token";
// A browser keeps cookies by host and sends them to every port of it: proxies beside each other need names of their own.
[[nodiscard]] std::string token_cookie(std::uint16_t port);
// ErrorKind::forbidden unless one of them is the token, compared in constant time. An empty token admits nobody. The field
// and the cookies of other proxies are taken out as well.
[[nodiscard]] Result<void> take_token(http::RequestHead& head, std::string_view token, std::string_view cookie);

// The value of a member of the target's query, not decoded; nullopt where it has none of that name.
[[nodiscard]] std::optional<std::string_view> query_member(std::string_view target, std::string_view name);

// A Unix socket's peer runs as the same user (SO_PEERCRED).
[[nodiscard]] bool same_user(int socket);

}  // namespace blindbox::proxy
