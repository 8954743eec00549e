// SPDX-License-Identifier: Apache-2.0
// What goes out of the open documents, and what of an answer is worth showing.
#include "blindbox/lsp/tidy.h"

#include <gmock/gmock.h>

#include "blindbox/lsp/context.h"
#include "blindbox/lsp/suggestion.h"

namespace blindbox::lsp {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::SizeIs;

std::string tidied(std::string_view text, std::string_view after) { return tidy({text, false, false, true}, after); }

TEST(Tidy, WhatStandsBehindTheCursorIsNotRepeated) {
  EXPECT_EQ(tidied("a, b)", ")\n"), "a, b");
  EXPECT_EQ(tidied("bar()", ")\n"), "bar()");
  EXPECT_EQ(tidied("bar())", ")\n"), "bar()");
  EXPECT_EQ(tidied("bar())", "):\n"), "bar()");
  EXPECT_EQ(tidied("hello\"", "\"\n"), "hello");
  EXPECT_EQ(tidied("\"a\"", "\"\n"), "\"a\"");
  EXPECT_EQ(tidied("x[0]]", "])\n"), "x[0]");
  EXPECT_EQ(tidied("left + right", " + right\n"), "left");
  EXPECT_EQ(tidied("width = 1", "\nheight = 2\n"), "width = 1");
}

TEST(Tidy, LinesBelowAreNotRepeated) {
  EXPECT_EQ(tidied("1\ny = 2", "\ny = 2\nz = 3\n"), "1");
  EXPECT_EQ(tidied("1\ny = 2\nz = 3\n", "\n\ny = 2\nz = 3\n"), "1");
  EXPECT_EQ(tidied("{\n  f();\n}", "\n}\n"), "{\n  f();\n}") << "this bracket is its own";
  EXPECT_EQ(tidied("f();\n}", "\n}\n"), "f();");
  EXPECT_EQ(tidied("y", "\ny\n"), "y") << "it goes on with a line that was begun";
  EXPECT_EQ(tidy({"y = 2", false, false, false}, "\ny = 2\n"), "");
}

TEST(Tidy, EndsAreClean) {
  EXPECT_EQ(tidied("a\n  \n", ""), "a");
  EXPECT_EQ(tidied(" \n\t", ""), "");
  EXPECT_EQ(tidy({"a\nb", true, false, true}, ""), "a");
  EXPECT_EQ(tidy({"a\nb", false, true, true}, ""), "a") << "the limit cut the last line in two";
  EXPECT_EQ(tidy({"a b", false, true, true}, ""), "a b");
  EXPECT_EQ(tidy({"\nb", false, true, true}, ""), "\nb");
}

TEST(Kept, TheEndBeginsWithALineAndStaysPut) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + "\n";
  std::string_view before;
  std::size_t moves = 0;
  for (std::size_t size = 1000; size < 1400; ++size) {
    const auto kept = keep_end(std::string_view(text).substr(0, size), 400);
    EXPECT_LE(kept.size(), 400U);
    EXPECT_TRUE(kept.starts_with("line "));
    moves += kept.data() != before.data() ? 1U : 0U;
    before = kept;
  }
  EXPECT_LE(moves, 6U);
  EXPECT_EQ(keep_end("short", 400), "short");
  EXPECT_EQ(keep_end("😀😀😀", 9), "😀😀") << "no half of a character";
  EXPECT_EQ(keep_begin("😀😀", 7), "😀");
  EXPECT_EQ(keep_around("one\ntwo\nthree\nfour\n", 10, 12), "two\nthree\n");
}

void open(Documents& documents, const std::string& uri, const std::string& text) {
  ASSERT_TRUE(documents.open({{"textDocument", {{"uri", uri}, {"languageId", "c"}, {"version", 1}, {"text", text}}}}));
}

TEST(Neighbours, TheLatestWithinTheBudget) {
  Documents documents;
  const std::string text(300, 'x');
  for (const char* name : {"c", "a", "secret", "b"}) open(documents, std::string("file:///") + name, text);
  open(documents, "file:///this", "here");
  Settings settings;
  settings.neighbour_bytes = 700;
  const NameOf name_of = [](const std::string& uri) -> std::optional<std::string> {
    if (uri.ends_with("secret")) return std::nullopt;
    return uri.substr(8);
  };
  const auto names = [&] {
    std::vector<std::string> all;
    for (const auto& extra : neighbours(documents, "file:///this", settings, name_of)) all.push_back(extra.filename);
    return all;
  };
  EXPECT_THAT(names(), ElementsAre("a", "b"));
  documents.touch("file:///c", 0);
  EXPECT_THAT(names(), ElementsAre("b", "c"));
  settings.neighbour_bytes = 0;
  EXPECT_THAT(names(), SizeIs(0));
}

TEST(Suggestions, FitWhileWhatIsTypedAgrees) {
  Suggestion suggestion("def ", "\n");
  suggestion.add("add(a");
  EXPECT_TRUE(suggestion.fits("def ad", "\n"));
  EXPECT_TRUE(suggestion.fits("def add(a, b", "\n")) << "the rest is still on its way";
  EXPECT_FALSE(suggestion.fits("def sub", "\n"));
  EXPECT_FALSE(suggestion.fits("de", "\n"));
  EXPECT_FALSE(suggestion.fits("def ad", "\n\n"));
  suggestion.finish("add(a, b):");
  EXPECT_TRUE(suggestion.fits("def ad", "\n"));
  EXPECT_EQ(suggestion.rest("def ad"), "d(a, b):");
  EXPECT_FALSE(suggestion.fits("def add(a, b):", "\n")) << "nothing is left of it";
}

TEST(SettingsTest, WrongOnesAreNamedAndChangeNothing) {
  auto read = read_settings({{"debounceMs", 0}, {"maxTokens", 12}, {"multiLine", false}, {"neighbourBytes", 0}}, {});
  EXPECT_THAT(read.complaints, SizeIs(0));
  EXPECT_EQ(read.settings.debounce.count(), 0);
  EXPECT_EQ(read.settings.max_tokens, 12U);
  EXPECT_FALSE(read.settings.multi_line);
  read = read_settings({{"debounceMs", -1}, {"maxTokens", 0}, {"enabled", "yes"}, {"colour", "red"}}, read.settings);
  EXPECT_THAT(read.complaints, SizeIs(4));
  EXPECT_EQ(read.settings.max_tokens, 12U);
  EXPECT_THAT(read_settings(7, {}).complaints, SizeIs(1));
  EXPECT_THAT(read_settings(nullptr, {}).complaints, SizeIs(0));
}

}  // namespace
}  // namespace blindbox::lsp
