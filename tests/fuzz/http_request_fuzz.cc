// SPDX-License-Identifier: Apache-2.0
// A request that is accepted means the same once it has been written anew: nobody behind us reads another framing.
#include <tuple>

#include "blindbox/http/message_reader.h"
#include "blindbox/net/testing.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::fuzz::must;
using namespace blindbox::http;
using blindbox::net::testing::ScriptedStream;

struct Message {
  RequestHead head;
  std::string body;
};

// The first message and how many octets it took; nullopt where it is refused.
blindbox::net::Task<std::optional<Message>> read_one(RequestReader& reader) {
  auto head = co_await reader.read_head(std::chrono::seconds(5));
  if (!head || !*head) co_return std::nullopt;
  auto body = co_await reader.read_whole_body(kBodyLimit);
  if (!body) co_return std::nullopt;
  co_return Message{std::move(**head), std::move(*body)};
}

struct Reading {
  std::optional<Message> message;
  std::uint64_t octets = 0;
};

Reading read(std::deque<std::string> pieces) {
  boost::asio::io_context loop;
  ScriptedStream stream(loop.get_executor(), std::move(pieces));
  RequestReader reader(stream);
  Reading reading;
  reading.message = blindbox::net::testing::run(loop, read_one(reader));
  reading.octets = reader.bytes_consumed();
  return reading;
}

// As the relay writes it: with the fields that travel, in a framing of its own.
std::string write(const Message& message) {
  RequestHead head = message.head;
  head.fields = end_to_end(head.fields);
  std::string text = write_head(head);
  const auto body = blindbox::base::view(message.body);
  if (head.framing.kind == Framing::Kind::chunked) return text + write_chunk(body) + std::string(kLastChunk);
  return text + message.body;
}

bool same(const Message& a, const Message& b) {
  const auto key = [](const Message& m) {
    return std::tuple(m.head.method, m.head.target, end_to_end(m.head.fields), m.head.framing.kind,
                      m.head.framing.length, m.body);
  };
  return key(a) == key(b);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const Reading whole = read({input});
  const std::size_t half = size / 2;
  const Reading halves = read({input.substr(0, half), input.substr(half)});
  must(whole.message.has_value() == halves.message.has_value(), "arrival does not matter");
  if (!whole.message) return 0;
  must(same(*whole.message, *halves.message) && whole.octets == halves.octets, "arrival does not matter");
  // HTTP/1.0 gets its Host, and Connection may name it away: the relay adds one, which is not this property's matter.
  if (!find_field(end_to_end(whole.message->head.fields), "host")) return 0;
  const std::string text = write(*whole.message);
  const Reading again = read({text + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"});
  must(again.message.has_value(), "what we write is accepted");
  must(same(*whole.message, *again.message), "what we write is read as it was meant");
  must(again.octets == text.size(), "what we write ends where it says");
  return 0;
}
