// SPDX-License-Identifier: Apache-2.0
#include "channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "blindbox/base/bytes.h"

namespace blindbox::init {

bool say(int channel, Say what, const std::string& text) {
  const std::string message = static_cast<char>(what) + text.substr(0, kSayCap - 1);
  return ::send(channel, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

std::optional<Said> hear(int channel) {
  std::string message(kSayCap, '\0');
  ssize_t got = 0;
  do {
    got = ::recv(channel, message.data(), message.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return std::nullopt;
  return Said{static_cast<Say>(message[0]), message.substr(1, static_cast<std::size_t>(got) - 1)};
}

std::string encode(const Service& service) {
  nlohmann::json out = {{"specification_sha256", base::to_hex(service.specification_sha256)},
                        {"tier", service.tier},
                        {"port", service.port},
                        {"tls_port", service.tls_port},
                        {"own_network", service.own_network},
                        {"uid", service.uid}};
  if (service.health) {
    out["health"] = {{"path", service.health->path},
                     {"interval", service.health->interval.count()},
                     {"timeout", service.health->timeout.count()},
                     {"start", service.health->start.count()}};
  }
  return out.dump();
}

Result<Service> decode_service(const std::string& text) {
  try {
    const auto in = nlohmann::json::parse(text);
    Service service;
    const auto digest = base::from_hex(in.at("specification_sha256").get<std::string>());
    if (!digest || digest->size() != service.specification_sha256.size())
      return base::fail(ErrorKind::internal, "init sent no digest");
    std::copy(digest->begin(), digest->end(), service.specification_sha256.begin());
    service.tier = in.at("tier").get<std::string>();
    service.port = in.at("port").get<std::uint16_t>();
    service.tls_port = in.at("tls_port").get<std::uint16_t>();
    service.own_network = in.at("own_network").get<bool>();
    service.uid = in.at("uid").get<std::uint32_t>();
    if (in.contains("health")) {
      const auto& health = in.at("health");
      const auto time = [&health](const char* name) { return std::chrono::milliseconds(health.at(name).get<long>()); };
      service.health.emplace(specification::Health{health.at("path").get<std::string>(), time("interval"),
                                                   time("timeout"), time("start")});
    }
    return service;
  } catch (const nlohmann::json::exception& error) {
    return base::fail(ErrorKind::internal, "init sent what the gateway cannot read", error.what());
  }
}

}  // namespace blindbox::init
