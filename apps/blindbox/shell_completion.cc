// SPDX-License-Identifier: Apache-2.0
// Prints a completion script made from the command line's own description, so that it cannot fall behind it.
#include <fmt/format.h>

#include "command.h"

namespace blindbox::apps {
namespace {

std::string option_names(const CLI::App& app) {
  std::string names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names += " --" + name;
  }
  return names;
}

int print_bash(const CLI::App& app) {
  std::string commands;
  std::string cases;
  for (const CLI::App* sub : app.get_subcommands({})) {
    if (sub->get_group().empty()) continue;  // internal
    commands += " " + sub->get_name();
    std::string words = option_names(*sub);
    for (const CLI::App* inner : sub->get_subcommands({})) words += " " + inner->get_name() + option_names(*inner);
    cases += fmt::format("    {}) words=\"{}\" ;;\n", sub->get_name(), words.substr(1));
  }
  fmt::print(
      "# bash completion for blindbox; load it with: source <(blindbox shell-completion)\n"
      "_blindbox() {{\n  local word=${{COMP_WORDS[COMP_CWORD]}} words\n  case ${{COMP_WORDS[1]}} in\n{}"
      "    *) words=\"{}\" ;;\n  esac\n  [ \"$COMP_CWORD\" -gt 1 ] || words=\"{}{}\"\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
      "  [ ${{#COMPREPLY[@]}} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n}}\n"
      "complete -o filenames -F _blindbox blindbox\n",
      cases, option_names(app).substr(1), commands.substr(1), option_names(app));
  return 0;
}

}  // namespace

void add_shell_completion(CLI::App& app, Action& action) {
  app.add_subcommand("shell-completion",
                     "print a completion script for bash; load it with: source <(blindbox shell-completion)")
      ->callback([&app, &action] { action = [&app] { return print_bash(app); }; });
}

}  // namespace blindbox::apps
