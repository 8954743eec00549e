// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/completion/fim_prompt.h"

namespace blindbox::completion {
namespace {

constexpr Token kP = 1001;
constexpr Token kS = 1002;
constexpr Token kM = 1003;
constexpr Token kRepository = 1004;
constexpr Token kFile = 1005;

Result<Tokens> bytes_as_tokens(std::string_view text) {
  Tokens out;
  for (const char c : text) out.push_back(static_cast<unsigned char>(c));
  return out;
}

// The prompt as text, markers as P S M R F in angle brackets.
std::string written(const FimTokens& fim, const FimRequest& request) {
  const auto prompt = build_fim_prompt(fim, request, bytes_as_tokens);
  EXPECT_TRUE(prompt);
  if (!prompt) return {};
  EXPECT_LE(prompt->tokens.size(), request.budget);
  std::string out;
  for (const Token token : prompt->tokens) {
    if (token < kP) {
      out += static_cast<char>(token);
    } else {
      out += std::string("<") + "PSMRF"[token - kP] + ">";
    }
  }
  return out;
}

const FimTokens kPlain{kP, kS, kM, FimOrder::psm, "", -1, -1};
const FimTokens kJoining{kP, kS, kM, FimOrder::psm, "", kRepository, kFile};

FimRequest request_for(const std::vector<ExtraFile>& extra, std::size_t budget = 400) {
  FimRequest request;
  request.prefix = "pre";
  request.suffix = "suf";
  request.budget = budget;
  request.extra = extra;
  return request;
}

TEST(FimFiles, JoinedAsTheModelWasTrained) {
  const std::vector<ExtraFile> extra = {{"a.py", "one"}, {"b.py", "two\n"}};
  FimRequest request = request_for(extra);
  EXPECT_EQ(written(kJoining, request), "<F>a.py\none\n<F>b.py\ntwo\n<F><P>pre<S>suf<M>");
  request.repository = "repo";
  request.filename = "c.py";
  EXPECT_EQ(written(kJoining, request), "<R>repo\n<F>a.py\none\n<F>b.py\ntwo\n<F>c.py\n<P>pre<S>suf<M>");
}

TEST(FimFiles, UnderACommentWhereTheModelHasNoSeparator) {
  const std::vector<ExtraFile> extra = {{"a.py", "one"}, {"b.cc", "two\n"}, {"", "three"}};
  EXPECT_EQ(written(kPlain, request_for(extra)), "<P># a.py\none\n// b.cc\ntwo\nthree\npre<S>suf<M>");
  FimTokens spm = kPlain;
  spm.order = FimOrder::spm;
  EXPECT_EQ(written(spm, request_for(extra)), "<P><S>suf<M># a.py\none\n// b.cc\ntwo\nthree\npre");
}

TEST(FimFiles, TheLastOnesFitFirstAndTheirOrderStays) {
  const std::vector<ExtraFile> extra = {{"a", std::string(150, 'a')}, {"b", "bb"}, {"c", "cc"}};
  EXPECT_EQ(written(kJoining, request_for(extra, 100)), "<F>b\nbb\n<F>c\ncc\n<F><P>pre<S>suf<M>");
}

TEST(FimFiles, OfOneThatIsTooLongItsBeginning) {
  std::string lines;
  for (int i = 100; i < 300; ++i) lines += "line " + std::to_string(i) + "\n";
  const std::vector<ExtraFile> extra = {{"a", lines}};
  const std::string text = written(kJoining, request_for(extra, 200));
  EXPECT_TRUE(text.starts_with("<F>a\nline 100\n"));
  EXPECT_TRUE(text.ends_with("\n<F><P>pre<S>suf<M>"));
}

TEST(FimFiles, TheCodeKeepsThreeQuarters) {
  const std::string code(1000, 'x');
  const std::vector<ExtraFile> extra = {{"a", std::string(60, 'a')}, {"b", std::string(60, 'b')}};
  FimRequest request = request_for(extra, 403);
  request.prefix = code;
  const std::string text = written(kPlain, request);
  EXPECT_THAT(text, ::testing::HasSubstr(std::string(60, 'b')));
  EXPECT_GE(std::count(text.begin(), text.end(), 'x'), 300 - 3);
}

// What a client calls a file must not look like two.
TEST(FimFiles, ANameIsOneLine) {
  const std::vector<ExtraFile> extra = {{"a\nb", "one"}};
  EXPECT_EQ(written(kJoining, request_for(extra)), "<F>a b\none\n<F><P>pre<S>suf<M>");
}

// While somebody types, files in front stay where they are.
TEST(FimFiles, TypingDoesNotMoveThem) {
  std::vector<ExtraFile> extra;
  for (int i = 0; i < 30; ++i) extra.push_back({"f" + std::to_string(i), std::string(20, 'e')});
  std::string prefix;
  FimRequest request = request_for(extra, 1000);
  Tokens last;
  int moved = 0;
  for (int i = 0; i < 300; ++i) {
    prefix += 'x';
    request.prefix = prefix;
    auto prompt = build_fim_prompt(kJoining, request, bytes_as_tokens);
    ASSERT_TRUE(prompt);
    const auto frame = std::find(prompt->tokens.begin(), prompt->tokens.end(), kP);
    Tokens front(prompt->tokens.begin(), frame);
    if (i > 0 && front != last) ++moved;
    last = std::move(front);
  }
  EXPECT_LE(moved, 4);
}

}  // namespace
}  // namespace blindbox::completion
