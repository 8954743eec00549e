// SPDX-License-Identifier: Apache-2.0
// The list of checks against itself and against docs/checks.md.
#include "blindbox/verifier/internal/checks.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "blindbox/base/file.h"

namespace blindbox::verifier::checks {
namespace {

struct Listed {
  std::string id, reference, failure, purpose;
};

std::vector<Listed> all() {
  std::vector<Listed> out;
  const auto add = [&out](const auto& checks) {
    for (const auto* check : checks) {
      EXPECT_NE(check->judge, nullptr);
      out.push_back({std::string(check->id), std::string(check->reference), std::string(check->failure),
                     std::string(check->purpose)});
    }
  };
  add(parse_checks());
  add(authenticate_checks());
  add(appraise_checks());
  return out;
}

TEST(Checks, EachHasAnIdOfItsOwnAndAClause) {
  std::set<std::string> ids;
  for (const Listed& check : all()) {
    EXPECT_TRUE(ids.insert(check.id).second) << check.id;
    EXPECT_FALSE(check.reference.empty()) << check.id;
    EXPECT_TRUE(check.purpose.ends_with('.')) << check.id << " says in no sentence what it prevents";
    EXPECT_FALSE(check.failure.empty()) << check.id;
  }
  EXPECT_EQ(ids.size(), parse_checks().size() + authenticate_checks().size() + appraise_checks().size());
}

TEST(Checks, StandInTheDocumentInTheirOrderWithTheirClause) {
  const auto document = base::read_file(BLINDBOX_SOURCE_DIR "/docs/checks.md", std::size_t{1} << 20);
  ASSERT_TRUE(document) << document.error().what;
  std::istringstream lines{std::string(base::as_text(*document))};
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    const auto id_end = line.find('`', 3);
    const auto clause = line.find(" | ", id_end) + 3;
    rows.emplace_back(line.substr(3, id_end - 3), line.substr(clause, line.find(" | ", clause) - clause));
  }
  std::vector<std::pair<std::string, std::string>> expected;
  for (const Listed& check : all()) expected.emplace_back(check.id, check.reference);
  EXPECT_EQ(rows, expected);
}

}  // namespace
}  // namespace blindbox::verifier::checks
