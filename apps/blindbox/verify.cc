// SPDX-License-Identifier: Apache-2.0
// blindbox verify: a server's evidence, or that of files, against a policy.
#include "command.h"
#include "release_options.h"
#include "verify_sources.h"

namespace blindbox::apps {
namespace {

struct Options {
  SourceOptions source;
  std::optional<std::string> policy;
  ReleaseOptions release;
  VerifyOutput output;
};

Result<policy::Policy> policy_of(const Options& options) {
  // An old release is judged by the clock all the same: --at is the evidence's time.
  auto expected = what_to_accept(options.policy, options.release, base::now());
  if (!expected) return base::pass_on(expected);
  return *expected ? (*std::move(expected))->policy : policy::safe_defaults();
}

int verify(const Options& options) {
  auto policy = policy_of(options);
  if (!policy) return report(policy.error());
  auto outcome = verify_sources(options.source, *policy);
  if (!outcome) return report(outcome.error());
  if (policy->no_expected_software) {
    outcome->notes.insert(outcome->notes.begin(),
                          "no expected software was given: the machine was judged, not what runs in it (--policy)");
  }
  if (policy->azure.uvm && !policy->sev_snp.host_data) {
    outcome->notes.emplace_back(
        "the policy names no host data: Microsoft's utility VM was judged, not the containers in it "
        "(sev_snp.host_data)");
  }
  if (outcome->evidence.azure_vm) {
    outcome->notes.emplace_back(
        "the paravisor is part of what is trusted: the launch measurement covers it alone, the PCRs the rest");
  }
  return print_outcome(*outcome, options.output);
}

}  // namespace

void add_verify(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "verify",
      "judge evidence and print the verdict, check by check: a server's, to which nothing else is sent, or that of\n"
      "files and folders in whatever form clouds and tools write it");
  add_source_options(*command, options->source);
  // An empty name is a name: a script's unset variable must not become "no policy was given".
  command
      ->add_option_function<std::string>(
          "--policy", [options](const std::string& file) { options->policy = file; },
          "what to accept (policy.yml); without it the safe defaults")
      ->type_name("FILE");
  add_release_options(*command, options->release);
  command->add_flag("--probe", options->source.probe,
                    "ask the server to try every way out of its sandbox now, and print what came of each");
  command->add_flag("--json", options->output.json, "print the verdict as one JSON object");
  command->add_flag("--explain", options->output.explain, "tell what each check is for");
  command->callback([options, &action] { action = [options] { return verify(*options); }; });
}

}  // namespace blindbox::apps
