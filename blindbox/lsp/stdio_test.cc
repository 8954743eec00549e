// SPDX-License-Identifier: Apache-2.0
// The server on real pipes, and sessions that real editors have had.
#include "blindbox/lsp/stdio.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <sstream>
#include <thread>

#include "blindbox/base/fd.h"
#include "blindbox/base/file.h"
#include "blindbox/lsp/framing.h"
#include "blindbox/lsp/message.h"

namespace blindbox::lsp {
namespace {

using nlohmann::json;

struct Pipe {
  base::Fd read;
  base::Fd write;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) std::abort();
    read = base::Fd(ends[0]);
    write = base::Fd(ends[1]);
  }
};

struct Played {
  Result<int> status;
  std::vector<json> said;
};

// Everything is written at once, as a recording is; then the input is closed.
Played play(const std::string& input) {
  Pipe in;
  Pipe out;
  std::thread writer([&] {
    for (std::string_view rest(input); !rest.empty();) {
      const ssize_t put = ::write(in.write.get(), rest.data(), rest.size());
      if (put <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
    in.write.reset();
  });
  std::string heard;
  std::thread reader([&] {
    std::array<char, 4096> piece{};
    for (ssize_t got = 1; got > 0;) {
      got = ::read(out.read.get(), piece.data(), piece.size());
      if (got > 0) heard.append(piece.data(), static_cast<std::size_t>(got));
    }
  });
  boost::asio::io_context loop;
  ServerOptions options{"1", "nobody", []() -> net::Task<Result<Line>> {
                          co_return base::fail(ErrorKind::network, "cannot connect to nobody");
                        }};
  auto status = serve(loop, std::move(options), in.read.get(), out.write.get());
  in.read.reset();
  out.write.reset();
  writer.join();
  reader.join();
  Played played{std::move(status), {}};
  FrameReader frames;
  const auto messages = frames.feed(heard);
  for (const std::string& one : messages.value()) played.said.push_back(json::parse(one));
  return played;
}

std::string frames(const std::vector<json>& messages) {
  std::string all;
  for (const json& message : messages) all += write_frame(write(message));
  return all;
}

TEST(Stdio, EndsWithTheStatusOfTheProtocol) {
  const json begin = make_request(1, "initialize", json::object());
  const json end = make_request(2, "shutdown", nullptr);
  const json exit = make_notification("exit", nullptr);
  EXPECT_EQ(play(frames({begin, end, exit})).status.value(), 0);
  EXPECT_EQ(play(frames({begin, end})).status.value(), 0);
  EXPECT_EQ(play(frames({begin, exit})).status.value(), 1);
  EXPECT_EQ(play(frames({begin})).status.value(), 1);
  EXPECT_EQ(play("").status.value(), 1);
  EXPECT_EQ(play(frames({begin, end, exit})).said.size(), 2U) << "what was said last is still written";
}

TEST(Stdio, AStrangerIsNotAnswered) {
  const auto played = play("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_FALSE(played.status);
  EXPECT_EQ(played.status.error().kind, ErrorKind::protocol);
}

// Each line of a file is one message of the editor, as it came.
void play_recording(const std::string& path) {
  const auto contents = base::read_file(path, std::size_t{1} << 20);
  ASSERT_TRUE(contents) << contents.error().what;
  std::string input;
  std::size_t requests = 0;
  std::istringstream lines{std::string(base::as_text(*contents))};
  for (std::string line; std::getline(lines, line);) {
    const json message = json::parse(line);
    requests += message.contains("id") && message.contains("method") ? 1U : 0U;
    input += write_frame(line);
  }
  const auto played = play(input);
  EXPECT_EQ(played.status.value(), 0);
  std::size_t answers = 0;
  for (const json& one : played.said) {
    if (one.contains("method")) {
      EXPECT_NE(one["method"], "window/logMessage") << "a message was not understood: " << one;
      continue;
    }
    ++answers;
    const int code = one.contains("error") ? one["error"]["code"].get<int>() : 0;
    EXPECT_TRUE(code == 0 || code == -32800 || code == -32801) << one;
  }
  EXPECT_EQ(answers, requests);
}

TEST(Recordings, AreUnderstood) {
  std::size_t played = 0;
  for (const auto& file : std::filesystem::directory_iterator(BLINDBOX_SOURCE_DIR "/blindbox/lsp/recordings")) {
    if (file.path().extension() != ".jsonl") continue;
    SCOPED_TRACE(file.path().filename().string());
    play_recording(file.path().string());
    ++played;
  }
  EXPECT_GE(played, 1U);
}

}  // namespace
}  // namespace blindbox::lsp
