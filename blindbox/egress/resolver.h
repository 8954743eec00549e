// SPDX-License-Identifier: Apache-2.0
// Names to addresses, asked by the proxy itself: the application reaches no name server.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <memory>
#include <string>
#include <vector>

#include "blindbox/net/asio.h"

namespace blindbox::egress {

class Resolver {
 public:
  Resolver() = default;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  virtual ~Resolver() = default;
  // Every address of a name, of both families, at most kMostAddresses. ErrorKind::network where it has none; the error's
  // text does not name it. ErrorKind::limit when the time is up.
  virtual net::Task<Result<std::vector<boost::asio::ip::address>>> resolve(std::string host, net::Duration limit) = 0;
};
inline constexpr std::size_t kMostAddresses = 32;

// By c-ares: /etc/hosts, then the servers of /etc/resolv.conf, which are read anew each time. No search domains: a name is
// what the specification lists.
class SystemResolver final : public Resolver {
 public:
  SystemResolver();
  // servers: "address[:port],..." instead of those of /etc/resolv.conf.
  explicit SystemResolver(std::string servers);
  ~SystemResolver() override;
  net::Task<Result<std::vector<boost::asio::ip::address>>> resolve(std::string host, net::Duration limit) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace blindbox::egress
