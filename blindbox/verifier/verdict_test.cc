// SPDX-License-Identifier: Apache-2.0
#include "blindbox/verifier/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "blindbox/verifier/internal/verdict_builder.h"
#include "blindbox/verifier/report_text.h"
#include "blindbox/verifier/verify.h"

namespace blindbox::verifier {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Nothing {};
using TestCheck = internal::Check<Nothing>;

constexpr TestCheck kPass{"t.pass", "clause 1", "cannot fail", "",
                          [](const Nothing&) { return internal::answer(true, "x", "x"); }};
constexpr TestCheck kFail{"t.fail", "clause 2", "it went wrong", "do something", [](const Nothing&) {
                            return internal::answer(false, std::string(96, 'a'), "\x1b[31mred " + std::string(96, 'b'));
                          }};
constexpr TestCheck kSkip{"t.skip", "clause 3", "", "",
                          [](const Nothing&) { return internal::not_requested("any", "none"); }};

const base::Time kNow = base::from_iso8601("2026-11-21T20:00:00Z").value();

Verdict verdict(std::initializer_list<std::pair<Stage, const TestCheck*>> steps, bool emulated = false) {
  VerdictBuilder builder(kNow);
  for (const auto& [stage, check] : steps) {
    builder.enter(stage);
    (void)builder.run(*check, Nothing{});
  }
  if (emulated) builder.emulated();
  return builder.take();
}

Verdict good(bool emulated = false) {
  return verdict(
      {{Stage::parse, &kPass}, {Stage::authenticate, &kPass}, {Stage::appraise, &kPass}, {Stage::appraise, &kSkip}},
      emulated);
}

TEST(Verdict, AcceptsOnlyWhenSomethingPassedInEveryStageAndNothingFailed) {
  EXPECT_TRUE(good().accepted());
  EXPECT_FALSE(verdict({}).accepted());
  EXPECT_FALSE(verdict({{Stage::parse, &kPass}, {Stage::authenticate, &kPass}}).accepted());
  EXPECT_FALSE(verdict({{Stage::appraise, &kPass}}).accepted());
  EXPECT_FALSE(verdict({{Stage::parse, &kPass}, {Stage::authenticate, &kPass}, {Stage::appraise, &kSkip}}).accepted())
      << "not requested is no pass";
  EXPECT_FALSE(
      verdict(
          {{Stage::parse, &kPass}, {Stage::authenticate, &kPass}, {Stage::appraise, &kPass}, {Stage::appraise, &kFail}})
          .accepted());
}

TEST(Verdict, RefusalNamesEveryFailureAndWhatToDo) {
  const Error error = verdict({{Stage::parse, &kPass}, {Stage::appraise, &kFail}, {Stage::appraise, &kFail}}).refusal();
  EXPECT_EQ(error.kind, ErrorKind::not_acceptable);
  EXPECT_EQ(error.what, "it went wrong");
  EXPECT_EQ(error.hint, "do something");
  const std::string line = "t.fail: expected aaaaaaaa...aaaaaaaa, found ?[31mred bbbbbbbb...bbbbbbbb";
  EXPECT_EQ(error.detail, line + "\n  " + line);
  EXPECT_EQ(verdict({{Stage::parse, &kFail}}).refusal().kind, ErrorKind::malformed);
  EXPECT_EQ(good().refusal().kind, ErrorKind::internal);
  EXPECT_EQ(verdict({}).refusal().kind, ErrorKind::internal);
}

TEST(RenderTable, AlignsShortensAndKeepsEscapesFromTheTerminal) {
  const std::string text = render_table(verdict({{Stage::parse, &kPass}, {Stage::authenticate, &kFail}}));
  EXPECT_EQ(text,
            "check   expected             found                         outcome\n"
            "t.pass  x                    x                             passed\n"
            "t.fail  aaaaaaaa...aaaaaaaa  ?[31mred bbbbbbbb...bbbbbbbb  FAILED\n"
            "verdict: REFUSED at 2026-11-21T20:00:00Z, stage authenticate: 1 passed, 1 failed, 0 not requested\n");
}

TEST(RenderTable, EmulationIsLoudAndColourIsOnRequest) {
  EXPECT_THAT(render_table(good(true)), testing::StartsWith("*** EMULATED, NOT A TEE ***"));
  EXPECT_THAT(render_table(good(true)), testing::EndsWith("*** EMULATED, NOT A TEE ***\n"));
  EXPECT_THAT(render_table(good()), Not(HasSubstr("EMULATED")));
  EXPECT_THAT(render_table(good(true)), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render_table(good(true), {.colour = true}), HasSubstr("\x1b[32mpassed\x1b[0m"));
}

TEST(RenderJson, HoldsEverythingUnshortened) {
  const auto json = nlohmann::json::parse(render_json(verdict({{Stage::parse, &kFail}}, true)));
  EXPECT_EQ(json["verdict"], "refused");
  EXPECT_EQ(json["stage"], "malformed");
  EXPECT_EQ(json["emulated"], true);
  EXPECT_EQ(json["judged_at"], "2026-11-21T20:00:00Z");
  ASSERT_EQ(json["checks"].size(), 1U);
  EXPECT_EQ(json["checks"][0]["id"], "t.fail");
  EXPECT_EQ(json["checks"][0]["stage"], "parse");
  EXPECT_EQ(json["checks"][0]["outcome"], "failed");
  EXPECT_EQ(json["checks"][0]["expected"], std::string(96, 'a'));
  EXPECT_EQ(json["checks"][0]["reference"], "clause 2");
  EXPECT_EQ(nlohmann::json::parse(render_json(good()))["verdict"], "accepted");
  EXPECT_EQ(to_json(good())["stage"], "accepted");
  EXPECT_EQ(to_json(verdict({{Stage::parse, &kPass}, {Stage::authenticate, &kFail}}))["stage"], "not_authentic");
  EXPECT_EQ(to_json(verdict({{Stage::authenticate, &kPass}, {Stage::appraise, &kFail}}))["stage"], "not_acceptable");
}

TEST(RenderTable, ExplainsEachCheckWhereAsked) {
  constexpr TestCheck kExplained{"t.explained",
                                 "clause 4",
                                 "",
                                 "",
                                 [](const Nothing&) { return internal::answer(true, "x", "x"); },
                                 "Keeps things as they are."};
  const Verdict explained = verdict({{Stage::parse, &kExplained}});
  EXPECT_THAT(render_table(explained, {.explain = true}), HasSubstr("\n    Keeps things as they are. [clause 4]\n"));
  EXPECT_THAT(render_table(explained), Not(HasSubstr("Keeps")));
}

TEST(ShortenHex, TouchesLongRunsOnly) {
  EXPECT_EQ(shorten_hex(""), "");
  EXPECT_EQ(shorten_hex("one of " + std::string(20, 'f')), "one of " + std::string(20, 'f'));
  EXPECT_EQ(shorten_hex("0123456789abcdef01234"), "01234567...def01234");
  EXPECT_EQ(shorten_hex(std::string(64, '1') + " or " + std::string(64, '2')),
            "11111111...11111111 or 22222222...22222222");
}

TEST(Verify, StopsWhereParsingFails) {
  const evidence::Evidence nothing;
  const Verdict found = verify({.evidence = nothing,
                                .expected_report_data = std::nullopt,
                                .freshness_not_requested = false,
                                .manifest = std::nullopt},
                               policy::Policy{}, kNow);
  EXPECT_EQ(found.reached(), Stage::parse);
  ASSERT_EQ(found.failures().size(), 1U);
  EXPECT_EQ(found.failures()[0]->id, "sev_snp.report.size");
  EXPECT_EQ(found.findings().back().id, "sev_snp.report.size");
  EXPECT_FALSE(found.accepted());
}

}  // namespace
}  // namespace blindbox::verifier
