// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/guard.h"

#include <gtest/gtest.h>

namespace blindbox::proxy {
namespace {

std::optional<ErrorKind> judged(http::Fields fields, std::string target = "/infill") {
  const auto result = check_local_request({"POST", std::move(target), std::move(fields), {}});
  return result ? std::nullopt : std::optional(result.error().kind);
}

TEST(Guard, TakesRequestsThatNameThisMachine) {
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:8765", "localhost", "localhost:80", "LOCALHOST:1", "[::1]", "[::1]:8765"}) {
    EXPECT_EQ(judged({{"Host", host}}), std::nullopt) << host;
  }
  EXPECT_EQ(judged({}), std::nullopt) << "HTTP/1.0 has none";
}

TEST(Guard, RefusesHostsThatDnsCouldPointHere) {
  for (const char* host : {"evil.example",
                           "evil.example:8765",
                           "localhost.evil.example",
                           "127.0.0.1.evil.example:80",
                           "evil.example:127.0.0.1",
                           "localhost:80:80",
                           "localhost:80@evil.example",
                           "user@localhost",
                           "localhost.",
                           "127.1",
                           "0.0.0.0",
                           "2130706433",
                           "[::1].evil.example",
                           "[::1",
                           "::1",
                           "[::ffff:127.0.0.1]",
                           "",
                           ":80",
                           "localhost:x",
                           " localhost",
                           "localhost\t"}) {
    EXPECT_EQ(judged({{"Host", host}}), ErrorKind::forbidden) << host;
  }
}

TEST(Guard, RefusesPagesFromElsewhere) {
  const auto with_origin = [&](const char* origin) { return judged({{"Host", "127.0.0.1:8765"}, {"oRiGiN", origin}}); };
  for (const char* origin : {"http://localhost", "http://localhost:3000", "https://127.0.0.1:8443", "http://[::1]:1",
                             "vscode-webview://1a2b", "vscode-file://vscode-app"}) {
    EXPECT_EQ(with_origin(origin), std::nullopt) << origin;
  }
  for (const char* origin :
       {"https://evil.example", "null", "", "http://localhost.evil.example", "http://localhost:80@evil.example",
        "http://evil.example:80", "http://127.0.0.1/", "file://", "chrome-extension://abc", "ftp://localhost",
        "HTTP://localhost", "http://", "localhost", "https://evil.example/http://localhost"}) {
    EXPECT_EQ(with_origin(origin), ErrorKind::forbidden) << origin;
  }
  EXPECT_EQ(judged({{"Origin", "http://localhost"}, {"Origin", "https://evil.example"}}), ErrorKind::forbidden);
}

TEST(Guard, RefusesWhatOtherSitesEmbed) {
  const auto fetched = [&](const char* site, const char* mode) {
    return judged({{"Host", "127.0.0.1:8765"}, {"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", mode}});
  };
  EXPECT_EQ(fetched("cross-site", "no-cors"), ErrorKind::forbidden) << "an image";
  EXPECT_EQ(fetched("cross-site", "navigate"), std::nullopt) << "a link";
  EXPECT_EQ(fetched("same-origin", "cors"), std::nullopt) << "our own page";
  EXPECT_EQ(fetched("none", "navigate"), std::nullopt) << "typed";
  EXPECT_EQ(judged({{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "cors"}, {"Origin", "vscode-webview://1a2b"}}),
            std::nullopt)
      << "judged by its origin";
}

TEST(Guard, KeepsThePathsOfTheChannelToItself) {
  const http::Fields host = {{"Host", "localhost"}};
  for (const char* target :
       {"/.well-known/blindbox/attestation", "/.well-known/blindbox/", "/.well-known/blindbox/attestation?x=1"}) {
    EXPECT_EQ(judged(host, target), ErrorKind::protocol) << target;
  }
  EXPECT_EQ(judged(host, "/.well-known/other"), std::nullopt);
}

struct Taken {
  bool admitted = false;
  http::Fields left;
  bool operator==(const Taken&) const = default;
};

Taken taken(http::Fields fields, std::string_view token = "s3cret") {
  http::RequestHead head{"POST", "/infill", std::move(fields), {}};
  const bool admitted = take_token(head, token, token_cookie(8765)).has_value();
  return {admitted, head.fields};
}

TEST(Guard, TakesTheTokenAndKeepsItFromTheServer) {
  EXPECT_EQ(taken({{"blindbox-token", "s3cret"}, {"X", "y"}}), (Taken{true, {{"X", "y"}}}));
  EXPECT_EQ(taken({{"Authorization", "Bearer s3cret"}}), (Taken{true, {}}));
  EXPECT_EQ(taken({{"authorization", "bearer  s3cret "}}), (Taken{true, {}}));
  EXPECT_EQ(taken({{"Cookie", "a=b; blindbox_token_8765=s3cret; c=d"}}), (Taken{true, {{"Cookie", "a=b; c=d"}}}));
  // A browser sends along the token of the proxy at the next port: not for us to judge, and not for our server to see.
  const std::string others = "blindbox_token_8766=theirs; blindbox_token=old";
  EXPECT_EQ(taken({{"Cookie", others + "; blindbox_token_8765=s3cret; a=b"}}), (Taken{true, {{"Cookie", "a=b"}}}));
  EXPECT_EQ(taken({{"Cookie", others}}), (Taken{false, {}}));
  EXPECT_EQ(taken({{"Blindbox-Token", "s3cret"}, {"Authorization", "Bearer sk-of-the-server"}}),
            (Taken{true, {{"Authorization", "Bearer sk-of-the-server"}}}));
}

TEST(Guard, AdmitsNothingElse) {
  for (const http::Fields& fields : std::initializer_list<http::Fields>{{},
                                                                        {{"Blindbox-Token", ""}},
                                                                        {{"Blindbox-Token", "s3cre"}},
                                                                        {{"Blindbox-Token", "s3crets"}},
                                                                        {{"Authorization", "Basic s3cret"}},
                                                                        {{"Authorization", "s3cret"}},
                                                                        {{"Authorization", "Bearer"}},
                                                                        {{"X-Api-Key", "s3cret"}},
                                                                        {{"Cookie", "blindbox_token_8765"}},
                                                                        {{"Cookie", "blindbox_token_8765="}},
                                                                        {{"Cookie", "blindbox_token_8766=s3cret"}}}) {
    EXPECT_FALSE(taken(fields).admitted) << testing::PrintToString(fields);
  }
  EXPECT_FALSE(taken({{"Blindbox-Token", ""}}, "").admitted) << "an empty token is no token";
}

TEST(Guard, ReadsMembersOfAQuery) {
  EXPECT_EQ(query_member("/x?a=1&b=2", "b"), "2");
  EXPECT_EQ(query_member("/x?b=", "b"), "");
  EXPECT_EQ(query_member("/x?ab=2&b", "b"), std::nullopt);
  EXPECT_EQ(query_member("/x", "b"), std::nullopt);
}

}  // namespace
}  // namespace blindbox::proxy
