// SPDX-License-Identifier: Apache-2.0
// What the editor sends, and whether we have the text that it has.
#include "blindbox/lsp/text.h"

#include <gmock/gmock.h>

#include <array>

#include "blindbox/lsp/client.h"
#include "blindbox/lsp/documents.h"
#include "blindbox/lsp/framing.h"
#include "blindbox/lsp/message.h"

namespace blindbox::lsp {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::array kEncodings = {Encoding::utf8, Encoding::utf16, Encoding::utf32};

TEST(Positions, AreCountedInTheUnitsOfTheirEncoding) {
  const std::string text = "a😀é€b\n";                           // 1, 4, 2, 3 and 1 octets
  EXPECT_EQ(offset_at(text, {0, 8}, Encoding::utf8), 8U - 1U);  // within the euro sign: its beginning
  EXPECT_EQ(offset_at(text, {0, 3}, Encoding::utf16), 5U);
  EXPECT_EQ(offset_at(text, {0, 2}, Encoding::utf16), 1U);  // between two surrogates
  EXPECT_EQ(offset_at(text, {0, 5}, Encoding::utf16), 10U);
  EXPECT_EQ(offset_at(text, {0, 2}, Encoding::utf32), 5U);
  EXPECT_EQ(units(text, Encoding::utf16), 7U);
}

TEST(Positions, EveryLineEndingOfTheProtocolEndsALine) {
  const std::string text = "a\r\nb\rc\nd";
  EXPECT_EQ(offset_at(text, {1, 0}, Encoding::utf16), 3U);
  EXPECT_EQ(offset_at(text, {2, 0}, Encoding::utf16), 5U);
  EXPECT_EQ(offset_at(text, {3, 0}, Encoding::utf16), 7U);
  EXPECT_EQ(offset_at(text, {0, 99}, Encoding::utf16), 1U) << "past the end of a line is its end";
  EXPECT_EQ(offset_at(text, {9, 0}, Encoding::utf16), text.size());
  EXPECT_EQ(offset_at("", {0, 0}, Encoding::utf16), 0U);
}

TEST(Positions, ThereAndBackAgain) {
  const std::string text = "x😀\r\n\r\né\r€€\n\nend";
  for (const Encoding encoding : kEncodings) {
    for (std::size_t at = 0; at <= text.size(); ++at) {
      if (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
      if (at > 0 && at < text.size() && text[at] == '\n' && text[at - 1] == '\r') continue;  // within an ending
      EXPECT_EQ(offset_at(text, position_at(text, at, encoding), encoding), at);
    }
  }
}

json change(int from_line, int from, int to_line, int to, const std::string& text) {
  return {{"range",
           {{"start", {{"line", from_line}, {"character", from}}}, {"end", {{"line", to_line}, {"character", to}}}}},
          {"text", text}};
}

json opened(const std::string& text, const std::string& uri = "file:///a.py") {
  return {{"textDocument", {{"uri", uri}, {"languageId", "python"}, {"version", 1}, {"text", text}}}};
}

json changed(json changes) {
  return {{"textDocument", {{"uri", "file:///a.py"}, {"version", 2}}}, {"contentChanges", std::move(changes)}};
}

TEST(Documents, ChangesAreAppliedInOrder) {
  Documents documents;
  ASSERT_TRUE(documents.open(opened("one\ntwo\n")));
  ASSERT_TRUE(
      documents.change(changed({change(0, 3, 1, 0, " "), change(0, 4, 0, 7, "three"), change(0, 0, 0, 0, "😀")})));
  EXPECT_EQ(documents.find("file:///a.py")->text, "😀one three\n");
  ASSERT_TRUE(documents.change(changed({change(0, 2, 0, 5, "")})));
  EXPECT_EQ(documents.find("file:///a.py")->text, "😀 three\n");
  ASSERT_TRUE(documents.change(changed({{{"text", "all new"}}})));
  EXPECT_EQ(documents.find("file:///a.py")->text, "all new");
  ASSERT_TRUE(documents.close(opened("")));
  EXPECT_EQ(documents.find("file:///a.py"), nullptr);
}

TEST(Documents, WhatIsNoChangeLeavesTheDocumentOut) {
  for (const json& bad : {json{{"text", 7}}, json(3), change(1, 0, 0, 0, "x"), change(-1, 0, 0, 0, "x"),
                          json{{"range", 1}, {"text", "x"}}}) {
    Documents documents;
    ASSERT_TRUE(documents.open(opened("a\nb\n")));
    EXPECT_FALSE(documents.change(changed(json::array({bad})))) << bad;
    EXPECT_TRUE(documents.find("file:///a.py")->left_out);
    ASSERT_TRUE(documents.change(changed({{{"text", "anew"}}})));
    EXPECT_EQ(documents.find("file:///a.py")->text, "anew") << "the whole text mends it";
  }
}

TEST(Documents, TooLargeIsLeftOutAndNotRefusedForEver) {
  Documents documents;
  const auto open = documents.open(opened(std::string(kDocumentCap + 1, 'x')));
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().kind, ErrorKind::limit);
  EXPECT_TRUE(documents.find("file:///a.py")->left_out);
  ASSERT_TRUE(documents.change(changed({change(0, 0, 0, 1, "")})));
  EXPECT_TRUE(documents.find("file:///a.py")->left_out);
  ASSERT_TRUE(documents.open(opened("small")));
  EXPECT_FALSE(documents.change(changed({change(0, 0, 0, 0, std::string(kDocumentCap, 'x'))})));
  EXPECT_FALSE(documents.open(opened("x", std::string(kUriCap + 1, 'u'))));
  EXPECT_FALSE(documents.open({{"textDocument", 3}}));
  EXPECT_FALSE(documents.change(json::array()));
}

TEST(Framing, MessagesComeInPieces) {
  const std::string stream = write_frame("{}") + "content-type: x\r\nCONTENT-LENGTH:  3 \r\n\r\n[1]" + write_frame("");
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    FrameReader reader;
    std::vector<std::string> all;
    for (std::size_t at = 0; at < stream.size(); at += size) {
      auto some = reader.feed(std::string_view(stream).substr(at, size));
      ASSERT_TRUE(some);
      all.insert(all.end(), some->begin(), some->end());
    }
    EXPECT_THAT(all, ElementsAre("{}", "[1]", ""));
    EXPECT_TRUE(reader.at_boundary());
  }
}

TEST(Framing, WhatIsNoHeaderIsRefused) {
  for (const std::string bad :
       {"GET / HTTP/1.1\r\n\r\n", "Content-Type: x\r\n\r\n", "Content-Length: -1\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", "Content-Length: \r\n\r\n", "\r\n\r\n",
        "Content-Length: 99999999999999999999999\r\n\r\n", "Content-Length: 0x1\r\n\r\n"}) {
    EXPECT_FALSE(FrameReader().feed(bad)) << bad;
  }
  EXPECT_FALSE(FrameReader().feed(std::string(kHeaderCap + 1, 'x')));
  auto large = FrameReader().feed("Content-Length: " + std::to_string(kMessageCap + 1) + "\r\n\r\n");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, ErrorKind::limit);
}

TEST(Messages, AreRequestsNotificationsOrResponses) {
  EXPECT_EQ(parse_message(R"({"id":1,"method":"m"})")->kind, Message::Kind::request);
  EXPECT_EQ(parse_message(R"({"id":"a","method":"m","params":[1]})")->id, "a");
  EXPECT_EQ(parse_message(R"({"method":"m"})")->kind, Message::Kind::notification);
  EXPECT_EQ(parse_message(R"({"id":1,"result":null})")->kind, Message::Kind::response);
  EXPECT_EQ(parse_message(R"({"id":1,"error":{"code":1}})")->kind, Message::Kind::response);
  for (const std::string bad :
       {"", "{", "[]", "1", R"({"id":1})", R"({"id":1.5,"method":"m"})", R"({"id":null,"method":"m"})",
        R"({"method":7})", R"({"method":"m","method":"n"})", "{\"method\":\"\xff\"}"}) {
    EXPECT_FALSE(parse_message(bad)) << bad;
  }
  EXPECT_FALSE(parse_message(R"({"method":"m","params":)" + std::string(1000, '[') + std::string(1000, ']') + "}"));
}

TEST(Messages, HalfASurrogateCostsOneCharacterAndNotTheMessage) {
  const auto text = [](const char* escaped) {
    return parse_message(std::string(R"({"method":"m","params":{"t":")") + escaped + "\"}}")
        ->params["t"]
        .get<std::string>();
  };
  EXPECT_EQ(text(R"(\ud83d\ude00)"), "😀");
  EXPECT_EQ(text(R"(x\ud83dy)"), "x\uFFFDy");
  EXPECT_EQ(text(R"(\ude00\ud83d)"), "\uFFFD\uFFFD");
  EXPECT_EQ(text(R"(\ud83d\ud83d\ude00)"), "\uFFFD😀");
  EXPECT_EQ(text(R"(\\ud83d\ud83d)"), "\\ud83d\uFFFD");
}

TEST(Clients, TheirEncodingIsChosen) {
  const auto encoding = [](const json& offered) {
    return read_client({{"capabilities", {{"general", {{"positionEncodings", offered}}}}}}).encoding;
  };
  EXPECT_EQ(encoding({"utf-16", "utf-8"}), Encoding::utf8);
  EXPECT_EQ(encoding({"utf-32", "utf-16"}), Encoding::utf32);
  EXPECT_EQ(encoding({"utf-16"}), Encoding::utf16);
  for (const json& odd : {json(), json("utf-8"), json::array(), json{"utf-7", 8}})
    EXPECT_EQ(encoding(odd), Encoding::utf16);
}

TEST(Clients, FilesHavePaths) {
  EXPECT_EQ(path_of("file:///a%20b/%C3%A9.py"), "/a b/é.py");
  EXPECT_EQ(path_of("file://localhost/a"), "/a");
  EXPECT_EQ(path_of("file:///100%"), "/100%");
  for (const char* other : {"untitled:Untitled-1", "file://host/a", "file:///a%00b", "", "/a"})
    EXPECT_FALSE(path_of(other));
  EXPECT_THAT(read_client({{"rootUri", "file:///p/"}}).folders, ElementsAre("/p"));
  EXPECT_THAT(read_client({{"rootUri", nullptr}, {"rootPath", "/p"}}).folders, ElementsAre("/p"));
  EXPECT_THAT(read_client({{"workspaceFolders", {{{"uri", "file:///q"}, {"name", "q"}}}}}).folders, ElementsAre("/q"));
}

}  // namespace
}  // namespace blindbox::lsp
