// SPDX-License-Identifier: Apache-2.0
// One editor's connection.
#pragma once

#include "blindbox/net/socket_stream.h"
#include "blindbox/proxy/internal/state.h"

namespace blindbox::proxy::internal {

class EditorSession {
 public:
  EditorSession(StatePtr state, net::Socket socket, net::Session& session);
  net::Task<void> run();

 private:
  net::Task<bool> refuse(std::string target, unsigned status, std::string type, Error error);
  net::Task<bool> refuse_entry(UnderWay& entry, std::string target, unsigned status, std::string type, Error error);
  // Without an attested connection: why, in the words of an HTTP status and of the ledger.
  net::Task<bool> refuse_unattested(UnderWay& entry, std::string target, const Pool& pool, Error error);
  net::Task<bool> serve_one();
  Result<void> admit(http::RequestHead& head);
  net::Task<bool> forward(http::RequestHead head);
  net::Task<bool> send(http::RequestHead head, const Server& server, UnderWay& entry);
  net::Task<Result<std::string>> read_body(const http::RequestHead& head);
  // The same of the target, which stays as it is; the entry's path loses its secrets.
  std::optional<Error> scan_address(const http::RequestHead& head, UnderWay& entry);
  void tell(const std::vector<scan::Finding>& findings, UnderWay& entry);
  net::Task<std::optional<Error>> scan(const http::RequestHead& head, std::string& body, UnderWay& entry);
  // nullopt: to be tried once more.
  net::Task<std::optional<bool>> exchange(const http::RequestHead& head, const std::string& body, const Server& server,
                                          UnderWay& entry, bool again);

  StatePtr state_;
  net::Session& session_;
  net::SocketStream stream_;
  http::RequestReader reader_;
  http::Fields added_;  // to the answer
};

}  // namespace blindbox::proxy::internal
