// SPDX-License-Identifier: Apache-2.0
// Plain HTTP on a loopback address for any editor's plugin; behind it, attested connections only.
#pragma once

#include "blindbox/http/relay.h"
#include "blindbox/ledger/writer.h"
#include "blindbox/net/sessions.h"
#include "blindbox/proxy/pool.h"
#include "blindbox/scan/body.h"

namespace blindbox::proxy {

namespace internal {
struct State;
}

// The field by which every answer says what it came through: "accepted", or "accepted; EMULATED, NOT A TEE".
inline constexpr std::string_view kVerdictField = "Blindbox-Verdict";
// What the scan found in the request: scan::summary().
inline constexpr std::string_view kScanField = "Blindbox-Scan";
// A request's choice of server, by the name that it has here; "/@NAME/..." in place of "/..." chooses too.
inline constexpr std::string_view kServerField = "Blindbox-Server";

struct Limits {
  std::size_t connections = 256;
  http::RelayLimits relay;
};

struct Server {
  std::string name;  // is_server_name() in route.h
  std::string url;
  std::shared_ptr<Pool> pool;
};

struct Options {
  std::vector<Server> servers;  // one or more; the first is for requests that choose none
  Limits limits;
  std::string version;          // of this program
  std::string listen;           // where, in words
  std::string token;            // empty: none is asked for
  bool only_this_user = false;  // a Unix socket: SO_PEERCRED is looked at
  scan::Mode scan = scan::Mode::off;
  std::shared_ptr<scan::IgnoreList> ignore;
  std::shared_ptr<ledger::Writer> ledger;  // null: none is kept
  std::string ledger_folder;
  bool ledger_required = false;  // a request that could not be recorded is not sent
};

class Proxy {
 public:
  Proxy(net::Acceptor acceptor, Options options);
  // One server, no scan, no ledger.
  Proxy(net::Acceptor acceptor, std::shared_ptr<Pool> pool, Limits limits);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();

  void start();
  net::Task<void> drain(net::Duration limit);
  [[nodiscard]] std::uint16_t port() const;

 private:
  std::shared_ptr<internal::State> state_;
};

}  // namespace blindbox::proxy
