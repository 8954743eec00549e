// SPDX-License-Identifier: Apache-2.0
// How the editor's bytes arrive does not matter, every offset survives being a position, and whatever the messages say,
// the server stands.
#include <boost/asio/io_context.hpp>

#include "blindbox/lsp/framing.h"
#include "blindbox/lsp/server.h"
#include "blindbox/lsp/text.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace blindbox::lsp;
using blindbox::fuzz::must;

void check_positions(std::string_view text) {
  if (!blindbox::base::is_utf8(text) || text.size() > 2000) return;
  for (const Encoding encoding : {Encoding::utf8, Encoding::utf16, Encoding::utf32}) {
    for (std::size_t at = 0; at <= text.size(); at += 7) {
      const std::size_t here = offset_at(text, position_at(text, at, encoding), encoding);
      must(here <= at && at - here < 4, "an offset is near where its position is");
      must(offset_at(text, position_at(text, here, encoding), encoding) == here,
           "a position is where it was said to be");
    }
  }
}

blindbox::net::Task<blindbox::Result<Line>> nobody() {
  co_return blindbox::base::fail(blindbox::ErrorKind::network, "cannot connect to nobody");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  check_positions(input);
  FrameReader whole;
  FrameReader pieces;
  const auto at_once = whole.feed(input);
  bool good = true;
  std::vector<std::string> messages;
  for (const char c : input) {
    auto more = pieces.feed(std::string_view(&c, 1));
    good = good && more.has_value();
    if (!good) break;
    messages.insert(messages.end(), more->begin(), more->end());
  }
  must(good == at_once.has_value(), "arrival does not matter");
  must(!good || messages == *at_once, "arrival does not matter");
  boost::asio::io_context loop;
  std::size_t said = 0;
  Server server(loop.get_executor(), {"1", "nobody", nobody}, [&said](const std::string& text) {
    must(blindbox::base::is_utf8(text), "what we say is UTF-8");
    ++said;
  });
  for (const std::string& message : messages) {
    server.take(message);
    loop.poll();
    loop.restart();
  }
  must(said <= messages.size() * 20 + 20, "an answer is no flood");
  return 0;
}
