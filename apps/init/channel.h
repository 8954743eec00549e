// SPDX-License-Identifier: Apache-2.0
// What init and the gateway say to each other, over one SOCK_SEQPACKET descriptor: a kind and a text a message.
#pragma once

#include <optional>
#include <string>

#include "blindbox/specification/specification.h"

namespace blindbox::init {

// The descriptors that the gateway finds.
inline constexpr int kControlFd = 3;
inline constexpr int kConnectorFd = 4;  // the asking end
// The egress proxy's only one.
inline constexpr int kListenerFd = 3;

enum class Say : char {
  // init to the gateway
  serve = 's',      // text: Service as JSON; once
  restarted = 'r',  // the application runs anew: sockets from before lead nowhere
  drain = 'd',
  probed = 'p',    // text: the escape attempts' report, as JSON; for the nonce that it names
  unprobed = 'n',  // text: why there is none
  // the gateway to init
  attested = 'a',  // the security processor answers; text: which
  ready = 'R',     // text: the port
  well = 'W',      // the application answers
  unwell = 'U',    // it did not within the time that it has
  probe = 'P',     // text: a client's nonce in hexadecimal
  failed = 'F',    // text: an error, as init prints it; the gateway ends
};

struct Said {
  Say what = Say::failed;
  std::string text;
};

inline constexpr std::size_t kSayCap = std::size_t{128} << 10;  // a report of a hundred attempts has some 20 KiB

bool say(int channel, Say what, const std::string& text = {});
// The next message, waiting for it; nothing at the end of the channel.
[[nodiscard]] std::optional<Said> hear(int channel);

// What the gateway must know of the sandbox.
struct Service {
  base::Sha256 specification_sha256{};  // of its exact bytes
  std::string tier;
  std::uint16_t port = 0;
  std::uint16_t tls_port = 0;
  bool own_network = false;
  std::uint32_t uid = 0;  // of the application
  std::optional<specification::Health> health;
};
[[nodiscard]] std::string encode(const Service& service);
[[nodiscard]] Result<Service> decode_service(const std::string& text);

}  // namespace blindbox::init
