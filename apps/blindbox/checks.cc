// SPDX-License-Identifier: Apache-2.0
// Lists what verify asks of evidence. docs/checks.md is made from --markdown (tools/checks).
#include <fmt/format.h>

#include "blindbox/verifier/catalogue.h"
#include "command.h"

namespace blindbox::apps {
namespace {

int print_text() {
  for (const auto& check : verifier::catalogue()) {
    fmt::print("{}\n    {} [{}]\n", check.id, check.purpose, check.reference);
  }
  return 0;
}

int print_markdown() {
  std::optional<verifier::Stage> stage;
  for (const auto& check : verifier::catalogue()) {
    if (stage != check.stage) {
      std::string title = verifier::stage_name(check.stage);
      title.front() = static_cast<char>(title.front() - 'a' + 'A');
      fmt::print("{}## {}\n\n| Check | Clause | What it is for |\n|---|---|---|\n", stage ? "\n" : "", title);
      stage = check.stage;
    }
    fmt::print("| `{}` | {} | {} |\n", check.id, check.reference, check.purpose);
  }
  return 0;
}

}  // namespace

void add_checks(CLI::App& app, Action& action) {
  const auto markdown = std::make_shared<bool>(false);
  auto* const command = app.add_subcommand("checks", "list every check of evidence: its clause, and what it is for");
  command->add_flag("--markdown", *markdown, "as tables in Markdown");
  command->callback(
      [markdown, &action] { action = [markdown] { return *markdown ? print_markdown() : print_text(); }; });
}

}  // namespace blindbox::apps
