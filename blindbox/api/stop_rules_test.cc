// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/stop_rules.h"

#include <gtest/gtest.h>

#include <string>

namespace blindbox::api {
namespace {

struct Case {
  const char* name;
  const char* prefix;
  const char* suffix;
  const char* said;  // what the model would say if nobody stopped it
  const char* kept;
  const char* rule;  // "" for none
};

// What an editor gets, letter by letter as it would arrive.
std::string typed(const StopRules& rules, const Case& c, std::string& rule) {
  const std::string said = c.said;
  std::size_t shown = 0;
  for (std::size_t length = 1; length <= said.size(); ++length) {
    const std::string text = said.substr(0, length);
    const StopVerdict verdict = judge(rules, c.prefix, c.suffix, text, false);
    EXPECT_GE(verdict.safe, shown) << c.name << ": what was shown is never taken back, at \"" << text << "\"";
    EXPECT_LE(verdict.safe, text.size()) << c.name;
    shown = verdict.safe;
    if (verdict.stop) {
      rule = verdict.rule;
      return text.substr(0, verdict.safe);
    }
  }
  const StopVerdict verdict = judge(rules, c.prefix, c.suffix, said, true);
  EXPECT_GE(verdict.safe, shown) << c.name;
  rule = verdict.rule;
  return said.substr(0, verdict.safe);
}

void check(const StopRules& rules, const Case& c) {
  std::string rule;
  EXPECT_EQ(typed(rules, c, rule), c.kept) << c.name;
  EXPECT_EQ(rule, c.rule) << c.name;
}

TEST(StopRules, AsAnEditorWantsThem) {
  const Case cases[] = {
      {"ends by itself", "x = ", "\n", "1", "1", ""},
      {"one line where the line goes on", "foo(", ", b)", "a\nmore", "a", "line"},
      {"several lines where only brackets follow", "foo(", ")\n", "a,\n    b", "a,\n    b", ""},

      {"closing bracket that is there", "foo(", ")\n", "a, b)\nbar()", "a, b", "closers"},
      {"closing bracket that is wanted", "foo(bar(", ")\n", "a), b)\n", "a), b", "closers"},
      {"brackets of its own", "foo(", ")\n", "bar(1)[2])", "bar(1)[2]", "closers"},
      {"no bracket behind", "foo(", "\n", "a)", "a)", ""},
      {"a bracket in a string", "foo(", ")\n", "\")\")", "\")\"", "closers"},
      {"quote that is there", "x = \"", "\"\n", "hello\" + y", "hello", "closers"},
      {"an escaped quote", "x = \"", "\"\n", "a\\\"b\"", "a\\\"b", "closers"},
      {"an apostrophe is no bracket", "// don't\nf(", ")\n", "x)", "x", "closers"},

      {"python block", "def f(x):\n    ", "\n", "y = x\n    return y\n\ndef g():\n    pass", "y = x\n    return y",
       "block"},
      {"python block behind its colon", "def f(x):", "\n", "\n    return x\n\nprint(f(1))", "\n    return x", "block"},
      {"else goes on", "    if a:", "\n", "\n        b()\n    else:\n        c()\n    d()",
       "\n        b()\n    else:\n        c()", "block"},
      {"deeper lines belong to it", "    ", "\n", "for i in x:\n        y(i)\n    z()\nw()",
       "for i in x:\n        y(i)\n    z()", "block"},
      {"lines of the same function", "        a = 1\n", "    return a\n", "        b = 2\n    c = 3\nd = 4",
       "        b = 2\n    c = 3\n", "block"},
      {"top level, one definition", "", "\n", "def f():\n    return 1\n\ndef g():\n    return 2",
       "def f():\n    return 1", "block"},
      {"top level, lines without a block", "import a\n", "\n", "import b\nimport c", "import b\nimport c", ""},
      {"braces, the closing one is wanted", "int f() {", "", "\n  return 1;\n}\n\nint g() {", "\n  return 1;\n}",
       "block"},
      {"braces, the closing one is there", "int f() {\n  ", "\n}\n", "return 1;\n}\n\nint g()", "return 1;", "suffix"},
      {"braces with else", "void f() {\n  if (a) {", "\n}\n", "\n    b();\n  } else {\n    c();\n  }\n}\n",
       "\n    b();\n  } else {\n    c();\n  }", "block"},

      {"repeats the next line", "a = 1\n", "result = compute(a)\nprint(result)\n", "b = 2\nresult = compute(a)\nprint",
       "b = 2\n", "suffix"},
      {"repeats the rest of the line", "x = ", " + bar(1)\n", "a + bar(1)\nmore", "a ", "suffix"},
      {"repeats it from a bracket on", "x = foo(", ") + bar(1)\n", "a) + bar(1)\nmore", "a", "closers"},
      {"a line that begins alike", "a = 1\n", "result = f()\n", "result = f() + 1\nc = 3", "result = f() + 1\nc = 3",
       ""},
      {"a short line is no repetition", "    if a:\n        ", "\n    return\n", "b()\n    return x\n    c()",
       "b()\n    return x\n    c()", ""},
      {"says nothing but what is there", "a = 1\n", "print(a, b, c)\n", "print(a, b, c)\n", "", "suffix"},
      {"an empty text", "a", "b", "", "", ""},
      {"blank lines at the end go", "x = ", "\ny = 2\n", "1\n\n", "1", ""},
  };
  for (const Case& c : cases) check(StopRules::editor(), c);
}

TEST(StopRules, WhatIsThereAlreadyInManyLanguages) {
  const Case cases[] = {
      {"python, a docstring over lines", "def f():\n    \"\"\"", "\"\"\"\n    return 1\n", "Doc.\n    \"\"\"\n    x",
       "Doc.\n    ", "closers"},
      {"python, quotes of another kind", "x = '''", "'''\n", "a\"\"\"b'''\nc", "a\"\"\"b", "closers"},
      {"python, a placeholder", "print(f\"{", "}\")\n", "x}\")\ny", "x", "closers"},
      {"python, a colon", "if x", ":\n    pass\n", " > 1:\n    y", " > 1", "suffix"},
      {"javascript, a placeholder", "`${", "}`\n", "x}`\nfoo", "x", "closers"},
      {"javascript, the method that follows", "const a = {\n  b() {\n    ", "\n  },\n};\n",
       "return 1;\n  },\n  c() {\n    return 2;\n  },\n};", "return 1;", "block"},
      {"c, the end of a statement", "int x = ", ";\nint y;\n", "5;\nint y;", "5", "suffix"},
      {"c, it stands within brackets", "x = ", ";\n", "foo(\n  a,\n  [](){ b(); },\n  c);\ny",
       "foo(\n  a,\n  [](){ b(); },\n  c)", "suffix"},
      {"json, a comma", "{\n  \"a\": ", ",\n  \"b\": 2\n}\n", "[\n    1,\n    2\n  ],\n", "[\n    1,\n    2\n  ]",
       "block"},
  };
  for (const Case& c : cases) check(StopRules::editor(), c);
}

TEST(StopRules, BlocksThatWordsClose) {
  const Case cases[] = {
      {"lua", "  function M.f()", "\n", "\n    return 1\n  end\n\n  function M.g()", "\n    return 1\n  end", "block"},
      {"lua, the word is there", "function f()\n  ", "\nend\n", "return 1\nend\n\nfunction g()", "return 1", "suffix"},
      {"lua, a block within", "  ", "\nend\n", "if a then\n    b()\n  end\n  c()\nend\n",
       "if a then\n    b()\n  end\n  c()", "suffix"},
      {"ruby", "def f", "\n", "\n  1\nend\n\ndef g\n  2\nend", "\n  1\nend", "block"},
      {"ruby, rescue goes on", "def f", "\n", "\n  1\nrescue\n  2\nend\ndef g", "\n  1\nrescue\n  2\nend", "block"},
      {"shell", "for i in a; do", "\n", "\n  echo\ndone\nx", "\n  echo\ndone", "block"},
  };
  for (const Case& c : cases) check(StopRules::editor(), c);
}

TEST(StopRules, ADefinitionFurtherOut) {
  check(StopRules::editor(),
        {"the next method", "class A:\n    def f(self):\n        ", "\n\n    def g(self):\n        pass\n",
         "return 1\n\n    def h(self):\n        return 2\n", "return 1", "block"});
  check(StopRules::editor(), {"the rest of the function", "def f():\n    if a:\n        ", "\n    return 1\n",
                              "b = 2\n    c = 3\n    d = 4\n", "b = 2\n    c = 3\n    d = 4", ""});
}

TEST(StopRules, LineBreaksOfTwoBytesStayWhole) {
  const Case cases[] = {
      {"line", "x = foo(", "; bar\r\n", "1)\r\ny", "1)", "line"},
      {"block", "def f():\r\n    ", "\r\n", "x = 1\r\n    return x\r\n\r\ndef g():", "x = 1\r\n    return x", "block"},
      {"suffix", "int f() {\r\n  ", "\r\n}\r\n", "return 1;\r\n}\r\n\r\nint g()", "return 1;", "suffix"},
      {"the bracket that is wanted", "int f() {", "", "\r\n  return 1;\r\n}\r\n\r\nint g() {", "\r\n  return 1;\r\n}",
       "block"},
      {"half of one at the end", "x = ", "", "1\r", "1", ""},
  };
  for (const Case& c : cases) check(StopRules::editor(), c);
}

TEST(StopRules, WholeStatement) {
  StopRules rules;
  rules.statement = true;
  check(rules, {"one line", "", "", "a = 1\nb = 2", "a = 1", "statement"});
  check(rules, {"over lines", "", "", "a = f(\n  1,\n  2)\nb = 2", "a = f(\n  1,\n  2)", "statement"});
  check(rules, {"a block's head is none", "", "", "if a:\n  b()\nc()", "if a:\n  b()", "statement"});
  check(rules, {"blank lines before it", "", "", "\n\na\nb", "\n\na", "statement"});
}

TEST(StopRules, IndentationThatTheClientNames) {
  StopRules rules;
  rules.indent = 4;
  check(rules, {"less", "", "", "a\n    b\n  c\n", "a\n    b", "indent"});
  check(rules, {"blank lines are no indentation", "", "", "a\n\n    b", "a\n\n    b", ""});
  check(rules, {"tabs", "", "", "a\n\tb\nc", "a\n\tb", "indent"});
}

TEST(StopRules, NoneKeepEverything) { check({}, {"none", "foo(", ")\n", "a)\n)\n\n\n", "a)\n)\n\n\n", ""}); }

// A limit in the middle of a line that is there already: the rest of it would come.
TEST(StopRules, ALineThatALimitCut) {
  const StopVerdict verdict =
      judge(StopRules::editor(), "a = 1\n", "return compute(a)\n", "b = 2\nreturn comp", true, true);
  EXPECT_TRUE(verdict.stop);
  EXPECT_EQ(verdict.safe, 6U);
}

// Whatever comes: never past the end, never back, never slow to end.
TEST(StopRules, AnyTextKeepsItsInvariants) {
  const std::string alphabet = "a \n\t(){}[]\"':;,\\\r.end";
  std::uint32_t state = 7;
  const auto next = [&state] { return state = state * 1664525U + 1013904223U; };
  for (int round = 0; round < 3000; ++round) {
    std::string parts[3];
    for (std::string& part : parts) {
      const std::size_t length = (next() >> 16U) % 24;
      for (std::size_t i = 0; i < length; ++i) part += alphabet[(next() >> 16U) % alphabet.size()];
    }
    std::string rule;
    const Case c{"random", parts[0].c_str(), parts[1].c_str(), parts[2].c_str(), "", ""};
    StopRules rules = StopRules::editor();
    rules.statement = round % 3 == 0;
    rules.indent = round % 5 == 0 ? 2 : 0;
    const std::string kept = typed(rules, c, rule);
    ASSERT_TRUE(parts[2].starts_with(kept));
    if (HasFailure()) {
      ADD_FAILURE() << "prefix \"" << parts[0] << "\" suffix \"" << parts[1] << "\" said \"" << parts[2] << "\"";
      break;
    }
  }
}

}  // namespace
}  // namespace blindbox::api
