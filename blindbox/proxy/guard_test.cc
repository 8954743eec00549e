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
}

TEST(Guard, KeepsThePathsOfTheChannelToItself) {
  const http::Fields host = {{"Host", "localhost"}};
  for (const char* target :
       {"/.well-known/blindbox/attestation", "/.well-known/blindbox/", "/.well-known/blindbox/attestation?x=1"}) {
    EXPECT_EQ(judged(host, target), ErrorKind::protocol) << target;
  }
  EXPECT_EQ(judged(host, "/.well-known/other"), std::nullopt);
}

}  // namespace
}  // namespace blindbox::proxy
