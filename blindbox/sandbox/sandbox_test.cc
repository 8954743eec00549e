// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/sandbox.h"

#include <gmock/gmock.h>

#include "blindbox/sandbox/steps.h"
#include "blindbox/sandbox/testing.h"

namespace blindbox::sandbox {
namespace {

using ::testing::HasSubstr;

testing::Ran shell(const std::string& script, Settings settings = testing::settings_for({})) {
  settings.application.command = {"/bin/sh", "-c", script};
  auto ran = testing::run(settings);
  EXPECT_TRUE(ran.has_value()) << base::to_string(ran.error());
  return ran ? std::move(*ran) : testing::Ran{};
}

TEST(Sandbox, RunsACommandAndPassesItsStatusOn) {
  const auto ran = shell("echo hello; exit 7");
  EXPECT_EQ(ran.status, 7);
  EXPECT_EQ(ran.output, "hello\n");
  std::puts(to_json(ran.posture).c_str());
}

}  // namespace
}  // namespace blindbox::sandbox
