// SPDX-License-Identifier: Apache-2.0
// Two ends of one TLS session in memory, for tests: no socket, and every record between them can be looked at.
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "blindbox/base/bytes.h"

namespace blindbox::attested_tls::testing {

class SessionPair {
 public:
  SessionPair(SSL_CTX* client_context, SSL_CTX* server_context)
      : client_(SSL_new(client_context), &SSL_free), server_(SSL_new(server_context), &SSL_free) {
    for (SSL* const ssl : {client(), server()}) SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client());
    SSL_set_accept_state(server());
  }

  [[nodiscard]] SSL* client() const { return client_.get(); }
  [[nodiscard]] SSL* server() const { return server_.get(); }

  // True when both ends have finished the handshake.
  bool handshake() {
    for (int round = 0; round < 10; ++round) {
      const int at_client = SSL_do_handshake(client());
      carry(client(), server(), to_server_);
      const int at_server = SSL_do_handshake(server());
      carry(server(), client(), to_client_);
      if (at_client == 1 && at_server == 1) return true;
    }
    return false;
  }
  // Every message, after the handshake: what was written at one end and read at the other.
  std::string send(SSL* from, SSL* to, const std::string& text) {
    std::size_t done = 0;
    if (SSL_write_ex(from, text.data(), text.size(), &done) != 1) return "";
    carry(from, to, from == client() ? to_server_ : to_client_);
    std::string got(text.size() + 1, '\0');
    std::size_t total = 0;
    while (total < got.size() && SSL_read_ex(to, got.data() + total, got.size() - total, &done) == 1) total += done;
    got.resize(total);
    return got;
  }
  // Everything that has crossed the wire so far.
  [[nodiscard]] const std::string& to_server() const { return to_server_; }
  [[nodiscard]] const std::string& to_client() const { return to_client_; }

 private:
  static void carry(SSL* from, SSL* to, std::string& record) {
    char* data = nullptr;
    BIO* const out = SSL_get_wbio(from);
    const long length = BIO_get_mem_data(out, &data);
    if (length <= 0) return;
    record.append(data, static_cast<std::size_t>(length));
    BIO_write(SSL_get_rbio(to), data, static_cast<int>(length));
    (void)BIO_reset(out);
  }

  std::unique_ptr<SSL, decltype(&SSL_free)> client_;
  std::unique_ptr<SSL, decltype(&SSL_free)> server_;
  std::string to_server_;
  std::string to_client_;
};

}  // namespace blindbox::attested_tls::testing
