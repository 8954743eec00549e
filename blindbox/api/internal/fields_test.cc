// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/internal/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string problem_of(std::string_view text) {
  const auto fields = Fields::parse(text);
  return fields ? "none" : fields.error().what;
}

Fields parsed(std::string_view text) {
  auto fields = Fields::parse(text);
  EXPECT_TRUE(fields) << text;
  return std::move(*fields);
}

TEST(Fields, OnlyAnObjectInValidJson) {
  for (const char* text :
       {"{", "[]", "1", "{\"a\":1}x", "{a:1}", "{\"a\":NaN}", "{\"a\":1e999}", "\xEF\xBB", "{\"a\":01}"}) {
    EXPECT_NE(problem_of(text), "none") << text;
  }
  EXPECT_EQ(problem_of("{}"), "none");
  for (const char* text : {"", " \r\n"}) EXPECT_EQ(problem_of(text), "the request has no body");
}

// What JavaScript sends of a text that was cut by its count of UTF-16 units.
TEST(Fields, HalfACharacterIsReplaced) {
  const auto text = [](const std::string& escaped) { return parsed("{\"a\":\"" + escaped + "\"}").text("a"); };
  EXPECT_EQ(text("\\ud83d"), "\uFFFD");
  EXPECT_EQ(text("\\ude00x"), "\uFFFDx");
  EXPECT_EQ(text("a\\uD83Db"), "a\uFFFDb");
  EXPECT_EQ(text("\\ud83d\\ude00"), "\U0001F600");
  EXPECT_EQ(text("\\ud83d\\ud83d\\ude00"), "\uFFFD\U0001F600");
  EXPECT_EQ(text("\\\\ud83d"), "\\ud83d");
  EXPECT_EQ(text("\\ud83d\\n\\\\"), "\uFFFD\n\\");
  EXPECT_NE(problem_of("{\"a\":\"\\ud8\"}"), "none");
  EXPECT_NE(problem_of("{\"a\":\"\\ud83"), "none");
  EXPECT_THAT(problem_of("{\"\\ud83d\":1,\"\\ud83e\":1}"), HasSubstr("twice"));
}

TEST(Fields, StopWords) {
  EXPECT_THAT(parsed(R"({"l":["","a",""]})").texts("l", 4), ElementsAre("a"));
  EXPECT_TRUE(parsed(R"({"l":""})").texts("l", 4).empty());
  const auto refused = [](std::size_t count, std::size_t size) {
    const nlohmann::json list(std::vector<std::string>(count, std::string(size, 'x')));
    Fields fields = parsed(nlohmann::json{{"l", list}}.dump());
    return fields.texts("l", 64).empty() && !fields.done();
  };
  EXPECT_FALSE(refused(64, 256));
  EXPECT_TRUE(refused(65, 1));
  EXPECT_FALSE(refused(16, 1024));
  EXPECT_TRUE(refused(1, 1025));
  EXPECT_TRUE(refused(17, 1024));
}

TEST(Fields, InvalidUtf8IsRefused) {
  EXPECT_THAT(problem_of("{\"a\":\"\xFF\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(problem_of("{\"a\":\"\xED\xA0\x80\"}"), HasSubstr("UTF-8"));
}

TEST(Fields, DuplicateKeysAreRefusedAtAnyDepth) {
  EXPECT_THAT(problem_of(R"({"a":1,"a":2})"), HasSubstr("twice"));
  EXPECT_THAT(problem_of(R"({"a":[{"b":1,"b":1}]})"), HasSubstr("twice"));
  EXPECT_EQ(problem_of(R"({"a":{"b":1},"c":{"b":1},"b":[{"b":1},{"b":2}]})"), "none");
}

TEST(Fields, MoreValuesThanAnybodySendsAreRefused) {
  const auto list = [](const std::string& value, std::size_t count) {
    std::string text = "{\"a\":[";
    for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + value;
    return text + "]}";
  };
  EXPECT_EQ(problem_of(list("1", 8 * 8192)), "none");
  for (const char* value : {"1", "[]", "{}", "null"})
    EXPECT_THAT(problem_of(list(value, 1 << 18)), HasSubstr("too many"));
}

TEST(Fields, DepthBombsAreRefused) {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "}";
  };
  EXPECT_EQ(problem_of(nested(20)), "none");
  EXPECT_THAT(problem_of(nested(40)), HasSubstr("deep"));
  EXPECT_THAT(problem_of(nested(1'000'000)), HasSubstr("deep"));
  EXPECT_NE(problem_of("{\"a\":" + std::string(1'000'000, '[')), "none");
}

TEST(Fields, TypesAndBounds) {
  Fields fields = parsed(R"({"s":"x","i":5,"f":0.5,"b":true,"n":null,"big":18446744073709551615,"l":["a","b"]})");
  EXPECT_EQ(fields.text("s"), "x");
  EXPECT_EQ(fields.whole("i", 1, 0, 5), 5);
  EXPECT_EQ(fields.number("f", 1, 0, 1), 0.5);
  EXPECT_TRUE(fields.flag("b", false));
  EXPECT_EQ(fields.text("n"), "");
  EXPECT_EQ(fields.whole("absent", 7, 0, 9), 7);
  EXPECT_THAT(fields.texts("l", 2), ElementsAre("a", "b"));
  EXPECT_THAT(fields.texts("s", 2), ElementsAre("x"));
  EXPECT_TRUE(fields.done());
}

TEST(Fields, WholeNumbersHoweverTheyAreWritten) {
  Fields fields = parsed(R"({"a":128.0,"b":1e3,"c":1.28E+2,"d":-0.0,"e":-1.0,"edge":9007199254740992.0})");
  EXPECT_EQ(fields.whole("a", 1, 0, 1000), 128);
  EXPECT_EQ(fields.whole("b", 1, 0, 1000), 1000);
  EXPECT_EQ(fields.whole("c", 1, 0, 1000), 128);
  EXPECT_EQ(fields.whole("d", 1, 0, 1000), 0);
  EXPECT_EQ(fields.whole("e", 1, -1, 1000), -1);
  EXPECT_EQ(fields.whole("edge", 1, 0, INT64_MAX), std::int64_t{1} << 53);
  EXPECT_TRUE(fields.done());
  for (const char* text :
       {"128.5", "1e300", "-1e300", "1e-3", "9007199254740994.0", "1001.0", "-1.0", "\"128\"", "true"}) {
    Fields wrong = parsed(R"({"a":)" + std::string(text) + "}");
    EXPECT_EQ(wrong.whole("a", 7, 0, 1000), 7) << text;
    EXPECT_FALSE(wrong.done()) << text;
  }
  EXPECT_TRUE(are_token_ids(nlohmann::json::parse("[1, 2.0, 1e1]"), 3));
  for (const char* text : {"[1.5]", "[-1]", "[1e300]", "[1073741824]", "[1,2,3,4]", "{}", "1", "[\"1\"]"}) {
    EXPECT_FALSE(are_token_ids(nlohmann::json::parse(text), 3)) << text;
  }
}

TEST(Fields, TheFirstProblemIsTold) {
  const auto problem = [](auto take) {
    Fields fields =
        parsed(R"({"s":"x","i":5,"f":0.5,"big":18446744073709551615,"l":["a",1],"m":-9223372036854775808})");
    take(fields);
    const auto done = fields.done();
    return done ? std::string("none") : done.error().what;
  };
  EXPECT_EQ(problem([](Fields& f) {
              f.text("i");
              f.text("f");
            }),
            "\"i\" must be a string");
  EXPECT_THAT(problem([](Fields& f) { f.whole("i", 0, 0, 4); }), HasSubstr("from 0 to 4"));
  EXPECT_THAT(problem([](Fields& f) { f.whole("f", 0, 0, 4); }), HasSubstr("whole number"));
  EXPECT_THAT(problem([](Fields& f) { f.whole("big", 0, 0, 1 << 20); }), HasSubstr("whole number"));
  EXPECT_THAT(problem([](Fields& f) { f.whole("m", 0, -1, 1 << 20); }), HasSubstr("whole number"));
  EXPECT_THAT(problem([](Fields& f) { f.number("i", 0, 0, 2); }), HasSubstr("from 0.0 to 2.0"));
  EXPECT_THAT(problem([](Fields& f) { f.flag("s", false); }), HasSubstr("true or false"));
  EXPECT_THAT(problem([](Fields& f) { f.texts("l", 4); }), HasSubstr("at most 4 strings"));
  EXPECT_THAT(problem([](Fields& f) { f.required_text("absent"); }), HasSubstr("is required"));
}

}  // namespace
}  // namespace blindbox::api
