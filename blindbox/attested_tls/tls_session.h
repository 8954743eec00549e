// SPDX-License-Identifier: Apache-2.0
// TLS 1.3 and nothing else (docs/protocol.md, section M0): contexts for both ends, and the facts that each end takes
// from its own TLS state.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "blindbox/attested_tls/binder.h"
#include "blindbox/base/clock.h"

namespace blindbox::attested_tls {

namespace asio = boost::asio;

// Records are padded to multiples of this, at both ends, so that sizes tell less.
inline constexpr std::size_t kRecordBlock = 512;

// A P-256 key that lives in this process's memory only, and a certificate that nobody trusts by itself. OpenSSL
// wipes the key when the context goes.
[[nodiscard]] Result<std::unique_ptr<asio::ssl::context>> make_server_context(base::Time now);
[[nodiscard]] Result<std::unique_ptr<asio::ssl::context>> make_client_context();

enum class End { client, server };
struct SessionFacts {
  base::Sha256 spki_sha256{};  // of the server's key
  ByteArray<32> exporter{};    // for this nonce
};
// ErrorKind::protocol when the session is not TLS 1.3, is resumed, or uses a group that is not on the list.
[[nodiscard]] Result<SessionFacts> session_facts(SSL* session, End own_end, const Nonce& nonce);

}  // namespace blindbox::attested_tls
