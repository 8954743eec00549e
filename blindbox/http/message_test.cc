// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "blindbox/http/error_body.h"

namespace blindbox::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Fields, AreFoundInAnyCaseAndTheFirstWins) {
  const Fields fields = {{"HOST", "a"}, {"host", "b"}};
  EXPECT_EQ(find_field(fields, "Host"), "a");
  EXPECT_EQ(find_field(fields, "hos"), std::nullopt);
  EXPECT_FALSE(equal_names("host", "hosts"));
}

TEST(EndToEnd, DropsWhatBelongsToOneConnection) {
  const Fields fields = {{"Host", "h"},
                         {"Connection", "close, X-Private ,\tx-other"},
                         {"Keep-Alive", "timeout=5"},
                         {"X-Private", "1"},
                         {"x-OTHER", "2"},
                         {"TE", "trailers"},
                         {"Trailer", "X"},
                         {"Upgrade", "h2c"},
                         {"Expect", "100-continue"},
                         {"Transfer-Encoding", "chunked"},
                         {"Content-Length", "5"},
                         {"Proxy-Authorization", "basic"},
                         {"Proxy-Authenticate", "basic"},
                         {"Proxy-Connection", "keep-alive"},
                         {"Authorization", "Bearer key"}};
  EXPECT_THAT(end_to_end(fields), ElementsAre(Pair("Host", "h"), Pair("Authorization", "Bearer key")));
}

TEST(WriteHead, StatesTheFramingItself) {
  const RequestHead request{"POST", "/x", {{"Host", "h"}}, {Framing::Kind::length, 7}};
  EXPECT_EQ(write_head(request), "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n");
  const ResponseHead response{404, {}, {Framing::Kind::chunked, 0}, false};
  EXPECT_EQ(write_head(response), "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(write_head(ResponseHead{599, {}, {}, true}).substr(0, 13), "HTTP/1.1 599 ");
}

TEST(WriteChunk, AnEmptyPieceDoesNotEndTheBody) {
  EXPECT_EQ(write_chunk(base::view("0123456789abcdef!")), "11\r\n0123456789abcdef!\r\n");
  EXPECT_EQ(write_chunk({}), "");
}

TEST(ErrorResponse, SpeaksTheProtocolOfWhoeverAsked) {
  const Error error{ErrorKind::not_acceptable, "the guest can be debugged", "expected off, found on",
                    "use another server"};
  for (const char* path : {"/infill", "/v1/completions", "/", "", "/generated"}) {
    const auto body = nlohmann::json::parse(error_response(path, 502, "evidence_not_acceptable", error).body);
    EXPECT_EQ(body.at("error").at("code"), 502);
    EXPECT_EQ(body.at("error").at("type"), "evidence_not_acceptable");
    EXPECT_EQ(body.at("error").at("message"), "the guest can be debugged: expected off, found on (use another server)");
  }
  for (const char* path : {"/generate", "/generate?stream=1"}) {
    const auto response = error_response(path, 502, "x", error);
    EXPECT_EQ(response.status, 502U);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(nlohmann::json::parse(response.body).at("detail"),
              "the guest can be debugged: expected off, found on (use another server)");
  }
}

TEST(ErrorResponse, ReplacesWhatIsNotText) {
  const auto response = error_response("/", 400, "x", {ErrorKind::protocol, "bad \xFF\xFE text", "", ""});
  EXPECT_TRUE(nlohmann::json::accept(response.body));
}

TEST(StatusFor, TellsTheCapsApart) {
  const auto limit = [](const char* what) { return status_for({ErrorKind::limit, what, "", ""}); };
  EXPECT_EQ(limit("the head of the message is larger"), 431U);
  EXPECT_EQ(limit("the body of the message is larger"), 413U);
  EXPECT_EQ(limit("the request target is too long"), 414U);
  EXPECT_EQ(status_for({ErrorKind::network, "", "", ""}), 408U);
  EXPECT_EQ(status_for({ErrorKind::protocol, "", "", ""}), 400U);
  EXPECT_EQ(status_for({ErrorKind::internal, "", "", ""}), 500U);
}

}  // namespace
}  // namespace blindbox::http
