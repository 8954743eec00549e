// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "blindbox/policy/lint.h"
#include "blindbox/policy/starting_point.h"
#include "command.h"
#include "policy_pin.h"
#include "release_options.h"

namespace blindbox::apps {
namespace {

int init(const std::string& name) {
  const auto platform = policy::platform_from_name(name);
  if (!platform) {
    return report({ErrorKind::usage, "there is no platform \"" + name + "\"", "", "sev-snp, azure-aci or azure-vm"});
  }
  const auto policy = policy::starting_point(*platform);
  fmt::print("# A beginning for {}: fill in the empty lists, then run \"blindbox policy lint\" on it.\n{}", name,
             policy::write_policy(policy));
  return 0;
}

int lint(const std::string& file) {
  auto policy = load_policy(file);
  if (!policy) return report(policy.error());
  bool wrong = false;
  const auto remarks = policy::lint(*policy);
  for (const policy::Remark& remark : remarks) {
    wrong = wrong || remark.level == policy::Remark::Level::error;
    fmt::print("{}: {}: {}: {}\n", file, policy::level_name(remark.level), remark.where, remark.what);
  }
  if (remarks.empty()) fmt::print("{}: nothing to remark\n", file);
  return wrong ? base::exit_code(ErrorKind::policy) : 0;
}

int from_release(const ReleaseOptions& options) {
  auto policy = what_to_accept(std::nullopt, options, base::now());
  if (!policy) return report(policy.error());
  fmt::print("{}", policy::write_policy((*policy)->policy));
  return 0;
}

void add_from_release(CLI::App& command, Action& action) {
  const auto options = std::make_shared<ReleaseOptions>();
  auto* const made = command.add_subcommand("from-release", "print the policy that signed releases promise");
  add_release_options(*made, *options);
  made->remove_option(made->get_option("--release"));
  made->add_option("FILE", options->files, "the release; and an older one that is still running")->required();
  made->callback([options, &action] { action = [options] { return from_release(*options); }; });
}

}  // namespace

void add_policy(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("policy", "write, judge and fill in the file that says what to accept");
  command->require_subcommand(1);

  const auto platform = std::make_shared<std::string>("sev-snp");
  auto* const init_command = command->add_subcommand("init", "print a commented policy.yml to begin with");
  init_command->add_option("--platform", *platform, "sev-snp, azure-aci or azure-vm")->capture_default_str();
  init_command->callback([platform, &action] { action = [platform] { return init(*platform); }; });

  const auto file = std::make_shared<std::string>();
  auto* const lint_command = command->add_subcommand("lint", "say what is wrong, weak or open in a policy");
  lint_command->add_option("FILE", *file, "the policy")->required();
  lint_command->callback([file, &action] { action = [file] { return lint(*file); }; });

  add_from_release(*command, action);

  const auto pinning = std::make_shared<PinOptions>();
  auto* const pin_command = command->add_subcommand(
      "pin", "write what evidence says that has just verified into a policy, and show what changes");
  add_source_options(*pin_command, pinning->source);
  pin_command
      ->add_option_function<std::string>(
          "--policy", [pinning](const std::string& name) { pinning->policy = name; },
          "the policy to fill in; without it, a beginning for the evidence's platform")
      ->type_name("FILE");
  pin_command->add_flag("--write", pinning->write, "into that file, instead of printing the result");
  pin_command->callback([pinning, &action] { action = [pinning] { return pin(*pinning); }; });
}

}  // namespace blindbox::apps
