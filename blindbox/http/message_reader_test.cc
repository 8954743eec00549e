// SPDX-License-Identifier: Apache-2.0
// Every message is read in one way or refused, however its bytes arrive.
#include "blindbox/http/message_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/net/testing.h"

namespace blindbox::http {
namespace {

using net::testing::run;
using net::testing::ScriptedStream;
using namespace std::string_literals;

// What a reader made of a connection: "METHOD target body" per message, then how it ended.
struct Reading {
  std::vector<std::string> messages;
  std::optional<Error> error;
  std::vector<Fields> fields;
};

net::Task<Reading> read_all(net::Stream& stream) {
  Reading reading;
  RequestReader reader(stream);
  while (true) {
    auto head = co_await reader.read_head(std::chrono::seconds(5));
    if (!head) {
      reading.error = head.error();
      co_return reading;
    }
    if (!*head) co_return reading;
    auto body = co_await reader.read_whole_body(kBodyLimit);
    if (!body) {
      reading.error = body.error();
      co_return reading;
    }
    reading.messages.push_back((*head)->method + " " + (*head)->target + " " + *body);
    reading.fields.push_back((*head)->fields);
  }
}

std::deque<std::string> in_pieces(const std::string& bytes, std::size_t size) {
  std::deque<std::string> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += size) pieces.push_back(bytes.substr(at, size));
  return pieces;
}

Reading read_requests(const std::string& bytes, std::size_t piece = 1 << 20) {
  net::asio::io_context loop;
  ScriptedStream stream(loop.get_executor(), in_pieces(bytes, piece));
  return run(loop, read_all(stream));
}

std::string post(const std::string& fields, const std::string& rest) {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + rest;
}

const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

struct Attempt {
  const char* name;
  std::string bytes;
  std::vector<std::string> read_as;  // then, where refused, an error
  bool refused;
};

const Attempt kAttempts[] = {
    {"ConflictingLengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), {}, true},
    {"DuplicateLengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), {}, true},
    {"LengthsOfTwoSpellings", post("Content-Length: 5\r\ncontent-length: 5\r\n", "hello"), {}, true},
    {"ListOfLengths", post("Content-Length: 5, 5\r\n", "hello"), {}, true},
    {"ListOfConflictingLengths", post("Content-Length: 5, 6\r\n", "hello!"), {}, true},
    {"LengthThenChunked",
     post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + kSmuggled),
     {},
     true},
    {"ChunkedThenLength",
     post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + kSmuggled),
     {},
     true},
    {"ChunkedTwice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), {}, true},
    {"ChunkedThenIdentity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), {}, true},
    {"GzipThenChunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), {}, true},
    {"Gzip", post("Transfer-Encoding: gzip\r\n", "x"), {}, true},
    {"Identity", post("Transfer-Encoding: identity\r\n", "x"), {}, true},
    {"EmptyCoding", post("Transfer-Encoding:\r\n", "0\r\n\r\n"), {}, true},
    {"CodingWithVerticalTab", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), {}, true},
    {"CodingWithParameter", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), {}, true},
    {"CodingInOtherCase", post("tRANSFER-eNCODING: CHUNKED\r\n", "1\r\na\r\n0\r\n\r\n"), {"POST /x a"}, false},
    {"LengthInOtherCase", post("CONTENT-length: 1\r\n", "a" + kSmuggled), {"POST /x a", "GET /smuggled "}, false},
    {"PositiveSign", post("Content-Length: +5\r\n", "hello"), {}, true},
    {"NegativeLength", post("Content-Length: -5\r\n", "hello"), {}, true},
    {"TwoNumbers", post("Content-Length: 5 6\r\n", "hello!"), {}, true},
    {"SpacesAroundLength", post("Content-Length:   5\t \r\n", "hello"), {"POST /x hello"}, false},
    {"HexadecimalLength", post("Content-Length: 0x5\r\n", "hello"), {}, true},
    {"EmptyLength", post("Content-Length:\r\n", "hello"), {}, true},
    {"LengthBeyond64Bits", post("Content-Length: 18446744073709551621\r\n", "hello"), {}, true},
    {"LengthOfManyDigits", post("Content-Length: " + std::string(100, '9') + "\r\n", "hello"), {}, true},
    {"LeadingZeros", post("Content-Length: 005\r\n", "hello"), {"POST /x hello"}, false},
    {"BareLineFeed", "POST /x HTTP/1.1\nHost: h\n\n", {}, true},
    {"BareLineFeedInFields", "GET /x HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", {}, true},
    {"BareLineFeedBeforeTheEnd", "GET /x HTTP/1.1\r\nHost: h\r\n\n" + kSmuggled, {}, true},
    {"BareCarriageReturn", "GET /x HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", {}, true},
    {"CarriageReturnTwice", "GET /x HTTP/1.1\r\nHost: h\r\r\n\r\n", {}, true},
    {"SpaceBeforeColon", post("Content-Length : 5\r\n", "hello"), {}, true},
    {"TabBeforeColon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), {}, true},
    {"SpaceBeforeTheFirstField", "GET /x HTTP/1.1\r\n Host: h\r\n\r\n", {}, true},
    {"EmptyName", post(": 5\r\n", ""), {}, true},
    {"NulInName", post("Content\0-Length: 5\r\n"s, "hello"), {}, true},
    {"NulInValue", post("X: a\0b\r\n"s, ""), {}, true},
    {"NulInTarget", "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n"s, {}, true},
    {"EscapeInValue", post("X: a\x1b[2J\r\n", ""), {}, true},
    {"ChunkSizeBeyond64Bits",
     post("Transfer-Encoding: chunked\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
     {},
     true},
    {"ChunkSizeWithPrefix", post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"), {}, true},
    {"NegativeChunkSize", post("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"), {}, true},
    {"PositiveChunkSize", post("Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\n"), {}, true},
    {"EmptyChunkSize", post("Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"), {}, true},
    {"JunkAfterChunkSize", post("Transfer-Encoding: chunked\r\n", "5 x\r\nhello\r\n0\r\n\r\n"), {}, true},
    {"JunkAfterChunk", post("Transfer-Encoding: chunked\r\n", "5\r\nhelloXX0\r\n\r\n"), {}, true},
    {"BareLineFeedAfterChunkSize", post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"), {}, true},
    {"BareLineFeedAfterChunk", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n"), {}, true},
    {"ChunkExtension",
     post("Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0\r\n\r\n" + kSmuggled),
     {"POST /x hello", "GET /smuggled "},
     false},
    {"LineFeedInChunkExtension", post("Transfer-Encoding: chunked\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n"), {}, true},
    {"TrailerIsNoField",
     post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nX: y\r\n\r\n" + kSmuggled),
     {"POST /x a", "GET /smuggled "},
     false},
    {"LengthInTrailer",
     post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nContent-Length: 5\r\n\r\nhello"),
     {},
     true},
    {"ChunkedInHttp10", "POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {}, true},
    {"AbsoluteForm", "GET http://other/x HTTP/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"AuthorityForm", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"AsteriskForm", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"ConnectWithPath", "CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"Trace", "TRACE /x HTTP/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"Fragment", "GET /x#y HTTP/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"NoHost", "GET /x HTTP/1.1\r\n\r\n", {}, true},
    {"TwoHosts", "GET /x HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", {}, true},
    {"Http09", "GET /x\r\n\r\n", {}, true},
    {"Http12", "GET /x HTTP/1.2\r\nHost: h\r\n\r\n", {}, true},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {}, true},
    {"LowerCaseVersion", "GET /x http/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"TwoSpaces", "GET  /x HTTP/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"TabInRequestLine", "GET\t/x HTTP/1.1\r\nHost: h\r\n\r\n", {}, true},
    {"SpaceAfterVersion", "GET /x HTTP/1.1 \r\nHost: h\r\n\r\n", {}, true},
    {"LeadingEmptyLine", "\r\n" + kSmuggled, {}, true},
    {"TlsHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, {}, true},
    {"OtherExpectation", post("Expect: 200-ok\r\nContent-Length: 1\r\n", "a"), {}, true},
    {"BodyOfNoLength", post("", kSmuggled), {"POST /x ", "GET /smuggled "}, false},
    {"BodyOfGet",
     "GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + kSmuggled,
     {"GET /x abc", "GET /smuggled "},
     false},
    {"LengthTooSmall", post("Content-Length: 3\r\n", "abcdef\r\n\r\n"), {"POST /x abc"}, true},
    {"TruncatedBody", post("Content-Length: 9\r\n", "abc"), {}, true},
    {"TruncatedChunk", post("Transfer-Encoding: chunked\r\n", "9\r\nabc"), {}, true},
    {"TruncatedHead", "GET /x HTTP/1.1\r\nHost: h\r\n", {}, true},
};

class Smuggling : public testing::TestWithParam<Attempt> {};

TEST_P(Smuggling, IsRefusedOrReadInOneWay) {
  const Attempt& attempt = GetParam();
  for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{1}, std::size_t{3}}) {
    const Reading reading = read_requests(attempt.bytes, piece);
    EXPECT_EQ(reading.messages, attempt.read_as) << "in pieces of " << piece;
    EXPECT_EQ(reading.error.has_value(), attempt.refused) << "in pieces of " << piece;
    if (reading.error) {
      EXPECT_THAT(reading.error->kind, testing::AnyOf(ErrorKind::protocol, ErrorKind::limit, ErrorKind::network));
      EXPECT_FALSE(reading.error->what.empty());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Smuggling, testing::ValuesIn(kAttempts),
                         [](const auto& attempt) { return std::string(attempt.param.name); });

// RFC 9112 section 5.2 lets a server read a folded line as one; what it must not do is to pass the fold on.
TEST(RequestReader, UnfoldsLines) {
  const Reading reading = read_requests("GET /x HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n");
  ASSERT_EQ(reading.messages.size(), 1U);
  EXPECT_EQ(find_field(reading.fields[0], "x"), "a b");
  EXPECT_TRUE(read_requests(post("Content-Length: 1\r\n 0\r\n", "helloworld")).error);
}

TEST(RequestReader, ReadsPipelinedRequests) {
  const std::string bytes = post("Content-Length: 2\r\n", "ab") +
                            post("Transfer-Encoding: chunked\r\n", "2\r\ncd\r\n0\r\n\r\n") +
                            "GET /y?q=1 HTTP/1.0\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{1}, std::size_t{7}}) {
    EXPECT_THAT(read_requests(bytes, piece).messages, testing::ElementsAre("POST /x ab", "POST /x cd", "GET /y?q=1 "));
  }
}

TEST(RequestReader, HeadsHaveACap) {
  const auto with_head_of = [](std::size_t size) {
    const std::string start = "GET /x HTTP/1.1\r\nHost: h\r\nX: ";
    return start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(read_requests(with_head_of(kHeadLimit)).messages.size(), 1U);
  // Whether the line ends count is the parser's affair.
  for (const std::size_t size : {std::size_t{kHeadLimit} + 64, std::size_t{kHeadLimit} * 10}) {
    const Reading reading = read_requests(with_head_of(size));
    ASSERT_TRUE(reading.error) << size;
    EXPECT_EQ(reading.error->kind, ErrorKind::limit);
    EXPECT_THAT(reading.error->what, testing::StartsWith("the head"));
  }
  const Reading endless = read_requests("GET /x HTTP/1.1\r\nX: " + std::string(1 << 20, 'x'), 1000);
  ASSERT_TRUE(endless.error);
  EXPECT_EQ(endless.error->kind, ErrorKind::limit);
}

TEST(RequestReader, TargetsHaveACap) {
  const auto with_target_of = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n";
  };
  EXPECT_EQ(read_requests(with_target_of(kTargetLimit)).messages.size(), 1U);
  const Reading reading = read_requests(with_target_of(kTargetLimit + 1));
  ASSERT_TRUE(reading.error);
  EXPECT_EQ(reading.error->kind, ErrorKind::limit);
}

TEST(RequestReader, BodiesHaveACap) {
  const std::string most(kBodyLimit, 'b');
  EXPECT_EQ(read_requests(post("Content-Length: " + std::to_string(most.size()) + "\r\n", most)).messages.size(), 1U);
  // Refused by what it says, before a byte of it is read.
  const Reading said = read_requests(post("Content-Length: " + std::to_string(most.size() + 1) + "\r\n", ""));
  ASSERT_TRUE(said.error);
  EXPECT_EQ(said.error->kind, ErrorKind::limit);
  EXPECT_THAT(said.error->what, testing::StartsWith("the body"));
  // A chunked body says nothing beforehand.
  std::string chunked;
  for (std::uint64_t size = 0; size <= kBodyLimit; size += 65536)
    chunked += write_chunk(base::view(most.substr(0, 65536)));
  const Reading sent = read_requests(post("Transfer-Encoding: chunked\r\n", chunked));
  ASSERT_TRUE(sent.error);
  EXPECT_EQ(sent.error->kind, ErrorKind::limit);
}

TEST(RequestReader, SaysWhetherTheConnectionIsKept) {
  const auto keep_alive = [](const std::string& head) {
    net::asio::io_context loop;
    ScriptedStream stream(loop.get_executor(), {head});
    RequestReader reader(stream);
    return run(loop, reader.read_head(std::chrono::seconds(5))).value().value().keep_alive;
  };
  EXPECT_TRUE(keep_alive("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keep_alive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(RequestReader, GivesATricklingHeadNoMoreTimeThanAQuickOne) {
  net::asio::io_context loop;
  ScriptedStream stream(loop.get_executor(), in_pieces("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 1));
  RequestReader reader(stream, std::chrono::milliseconds(1));
  // The limit of the last read is what was left of the whole.
  (void)run(loop, reader.read_head(std::chrono::seconds(5)));
  EXPECT_LE(stream.read_limit(), std::chrono::milliseconds(1));
}

struct Answer {
  ResponseHead head;
  std::string body;
};

net::Task<std::vector<Result<Answer>>> read_answers(net::Stream& stream, bool bodyless) {
  std::vector<Result<Answer>> answers;
  ResponseReader reader(stream);
  while (true) {
    auto head = co_await reader.read_head(std::chrono::seconds(5), bodyless);
    if (head && !*head) co_return answers;
    if (!head) {
      answers.emplace_back(base::pass_on(head));
      co_return answers;
    }
    auto body = co_await reader.read_whole_body(1 << 20);
    if (!body) {
      answers.emplace_back(base::pass_on(body));
      co_return answers;
    }
    answers.emplace_back(Answer{**head, *body});
  }
}

std::vector<Result<Answer>> read_responses(const std::string& bytes, bool bodyless = false) {
  net::asio::io_context loop;
  ScriptedStream stream(loop.get_executor(), in_pieces(bytes, 5));
  return run(loop, read_answers(stream, bodyless));
}

TEST(ResponseReader, SkipsInterimAnswers) {
  const auto answers = read_responses(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0]->head.status, 200U);
  EXPECT_EQ(answers[0]->body, "ok");
}

TEST(ResponseReader, ReadsToTheEndOnlyWhereTheMessageSaysSo) {
  const auto until_close = read_responses("HTTP/1.1 200 OK\r\n\r\nsome text");
  ASSERT_EQ(until_close.size(), 1U);
  EXPECT_EQ(until_close[0]->body, "some text");
  EXPECT_FALSE(until_close[0]->head.keep_alive);
  EXPECT_FALSE(read_responses("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")[0]);
  EXPECT_FALSE(read_responses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n")[0]);
}

TEST(ResponseReader, AnswersToHeadAndNoContentHaveNoBody) {
  const std::string next = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(read_responses("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + next, true).size(), 2U);
  EXPECT_EQ(read_responses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + next, true).size(), 2U);
  EXPECT_EQ(read_responses("HTTP/1.1 204 No Content\r\n\r\n" + next).size(), 2U);
  EXPECT_EQ(read_responses("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" + next).size(), 2U);
}

TEST(ResponseReader, RefusesWhatIsNotHttp) {
  for (const char* bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    const auto answers = read_responses(bytes);
    ASSERT_EQ(answers.size(), 1U) << bytes;
    ASSERT_FALSE(answers[0]) << bytes;
    EXPECT_EQ(answers[0].error().kind, ErrorKind::protocol) << bytes;
  }
}

net::Task<bool> end_seen(RequestReader& reader) {
  (void)co_await reader.read_head(std::chrono::seconds(5));
  co_await reader.wait_for_end();
  co_return true;
}

TEST(WaitForEnd, KeepsWhatComesMeanwhileForTheNextMessage) {
  net::asio::io_context loop;
  ScriptedStream stream(loop.get_executor(),
                        {"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /b HTTP/1.1\r\n", "Host: h\r\n\r\n"});
  RequestReader reader(stream);
  EXPECT_TRUE(run(loop, end_seen(reader)));
  EXPECT_EQ(run(loop, reader.read_head(std::chrono::seconds(5))).value().value().target, "/b");
  EXPECT_EQ(reader.bytes_received(), reader.bytes_consumed());
}

}  // namespace
}  // namespace blindbox::http
