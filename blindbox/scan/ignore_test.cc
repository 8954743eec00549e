// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/ignore.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

namespace blindbox::scan {
namespace {

namespace fs = std::filesystem;

class Ignore : public ::testing::Test {
 protected:
  Ignore() { fs::create_directories(folder_); }
  ~Ignore() override { fs::remove_all(folder_); }
  void write(const fs::path& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  const fs::path folder_ =
      fs::path(testing::TempDir()) /
      ("scan_ignore_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
};

const char* const kPaths[] = {"a",         "a.pem",       "x/a.pem",  "x/y/a.pem",  "build",         "build/x",
                              "x/build/z", "foo",         "foo/bar",  "x/foo/bar",  "foo/x/bar",     "foo/x/y/bar",
                              "doc/a.txt", "doc/x/a.txt", "keep.log", "x/keep.log", "deep/keep.log", "a b",
                              "#x",        "!x",          "a]b",      "a-b",        "abc",           "a1c",
                              "aXc",       ".env",        "x/.env",   "foobar",     "a\\b",          "trail ",
                              "z*"};
const char* const kFiles[] = {
    "*.pem\n",
    "/a.pem\n",
    "build/\n",
    "build\n",
    "/build\n",
    "foo/bar\n",
    "foo/**/bar\n",
    "**/bar\n",
    "foo/**\n",
    "doc/*.txt\n",
    "*.log\n!keep.log\n",
    "deep/\n!deep/keep.log\n",
    "*.log\n!/keep.log\n",
    "a\\ b\n",
    "\\#x\n",
    "\\!x\n",
    "#x\n",
    "a[]]b\n",
    "a[a-z]c\n",
    "a[!a-z]c\n",
    "a[^0-9]c\n",
    "a[[:digit:]]c\n",
    "a?c\n",
    ".env\n",
    "f*r\n",
    "**\n",
    "*\n!a\n",
    "x/*\n!x/foo\n",
    "a[b\n",
    "trail \n",
    "trail\\ \n",
    "x/\n",
    "/x\n",
    "/\n",
    "//\n",
    "\n\n  \n",
    "a.pem/\n",
    "**/foo\n",
    "**foo\n",
    "foo**\n",
    "x/**/y/*\n",
    "z\\*\n",
    "z\\\n",
    "a[-x]b\n",
    "a.pem\r\n",
};

// The reference is git. Its own words for one file: the last pattern that matches, or none.
TEST_F(Ignore, MatchesWhatGitMatches) {
  if (std::system("git --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "there is no git here to compare with";
  ASSERT_EQ(std::system(("git init -q " + folder_.string()).c_str()), 0);
  std::ofstream paths(folder_ / "paths");
  for (const char* path : kPaths) paths << path << '\0';
  paths.close();
  for (const char* file : kFiles) {
    std::ofstream(folder_ / ".gitignore") << file;
    std::ignore =
        std::system(("cd " + folder_.string() +
                     " && git -c core.excludesFile=/dev/null check-ignore --no-index -z --stdin" + " < paths > ignored")
                        .c_str());
    std::ifstream in(folder_ / "ignored");
    std::set<std::string> expected;
    for (std::string path; std::getline(in, path, '\0');) expected.insert(path);
    const auto patterns = IgnorePatterns::parse(file);
    for (const char* path : kPaths)
      EXPECT_EQ(patterns.ignores(path), expected.contains(path)) << path << " by " << file;
  }
}

TEST_F(Ignore, RelativeNamesLieInTheProjects) {
  write(".blindboxignore", "/private/\n*.key\n");
  IgnoreList list({folder_.string()}, {});
  EXPECT_TRUE(list.ignores("private/a.py"));
  EXPECT_TRUE(list.ignores("./private/a.py"));
  EXPECT_TRUE(list.ignores("x/../private/a.py"));
  EXPECT_TRUE(list.ignores("private\\a.py"));
  EXPECT_TRUE(list.ignores("../../x.key"));
  EXPECT_FALSE(list.ignores("public/a.py"));
  EXPECT_FALSE(list.ignores(""));
  EXPECT_FALSE(list.ignores(".."));
  EXPECT_TRUE(list.ignores(std::string(5000, 'a')));
}

TEST_F(Ignore, AbsoluteNamesMeetEveryFileOnTheWayUp) {
  write(".blindboxignore", "/top.py\n*.key\n");
  write("sub/.blindboxignore", "low.py\n");
  IgnoreList list({}, {});
  EXPECT_TRUE(list.ignores((folder_ / "top.py").string()));
  EXPECT_TRUE(list.ignores((folder_ / "sub/deep/a.key").string()));
  EXPECT_TRUE(list.ignores("file://" + (folder_ / "sub/deep/low%2Epy").string()));
  EXPECT_FALSE(list.ignores((folder_ / "sub/top.py").string()));
  EXPECT_FALSE(list.ignores("sub/low.py")) << "relative to nobody";
}

TEST_F(Ignore, NamesAreKnownAsClientsDecorateThem) {
  write(".blindboxignore", ".env\n/private/\n");
  IgnoreList list({folder_.string()}, {});
  const std::string here = folder_.string();
  for (const std::string& name : {std::string(".env:12"),
                                  std::string("src/.env:12:5"),
                                  std::string("src/.env:12-20"),
                                  std::string("src/.env#L12-L20"),
                                  std::string("src/.env#L3"),
                                  std::string("src/.env#L3C5-L4C1"),
                                  std::string("src/.env:3:5-4:1"),
                                  std::string("a/.env (working tree)"),
                                  std::string("a/.env:12 (working tree)"),
                                  std::string("a/.env:12:5 (working tree)"),
                                  std::string("`a/.env:12:5` (working tree) [2]"),
                                  std::string("file:///c%3A/a/.env:12:5 (working tree) [2]"),
                                  std::string("private/x.py (Index)"),
                                  std::string(".env [2]"),
                                  std::string(".env(12,5)"),
                                  std::string("`.env`"),
                                  std::string(" \".env\" "),
                                  std::string("<src/.env>"),
                                  std::string("C:\\code\\.env"),
                                  std::string("c:/code/.env:7"),
                                  std::string("/c:/code/.env"),
                                  std::string("\\\\server\\share\\.env"),
                                  std::string("file:///C%3A/code/.env"),
                                  "file://" + here + "/.env",
                                  "file:" + here + "/private/a",
                                  "file://localhost" + here + "/private/a",
                                  "vscode-remote://ssh-remote%2Bhost" + here + "/private/a",
                                  "git:" + here + "/private/a?%7B%22ref%22%3A%22~%22%7D",
                                  "vscode-notebook-cell:" + here + "/private/a.ipynb#W0sZmlsZQ",
                                  "\\\\wsl$\\Debian" + here + "\\private\\a",
                                  "\\\\wsl.localhost\\Debian" + here + "/private/a"}) {
    EXPECT_TRUE(list.ignores(name)) << name;
  }
  for (const char* name :
       {"src/a.env:12", "env (working tree)", "a.py (.env)", "a.py:.env", "https://example.com/x.env", "C:\\code\\a.py",
        "(", "[]", ":1", "#L1", "file://", "x:", "C:", "\\\\wsl$\\"}) {
    EXPECT_FALSE(list.ignores(name)) << name;
  }
}

TEST_F(Ignore, ChangesAreSeenAndWhatCannotBeReadIgnoresAll) {
  IgnoreList list({}, {(folder_ / "mine").string()});
  EXPECT_FALSE(list.ignores("a.key"));
  write("mine", "*.key\n");
  EXPECT_TRUE(list.ignores("a.key"));
  EXPECT_TRUE(list.ignores("/somewhere/a.key"));
  write("mine", "*.other\n");
  EXPECT_FALSE(list.ignores("a.key"));
  write("mine", std::string(kIgnoreCap + 1, '\n'));
  EXPECT_TRUE(list.ignores("anything"));
  std::filesystem::remove(folder_ / "mine");
  ASSERT_EQ(::mkfifo((folder_ / "mine").c_str(), 0600), 0);
  EXPECT_TRUE(list.ignores("anything"));
}

}  // namespace
}  // namespace blindbox::scan
