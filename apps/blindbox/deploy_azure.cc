// SPDX-License-Identifier: Apache-2.0
#include "deploy_azure.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "blindbox/base/digest.h"
#include "tool.h"

namespace blindbox::apps {
namespace {

using base::fail;
using nlohmann::json;

struct Group {
  std::string resource_group, name;
};

Result<void> logged_in() {
  if (!is_installed("az")) {
    return fail(ErrorKind::io, "az, Azure's command line, is not installed", "",
                "install the package azure-cli, then \"az login\"");
  }
  if (auto account = ask_tool({"az", "account", "show", "--output", "none"}); !account) {
    return fail(ErrorKind::io, "az is not logged in", account.error().what, "az login");
  }
  return {};
}

Result<std::string> choose(const Applying& applying, const std::vector<std::string>& tools) {
  if (!applying.with.empty()) {
    if (is_installed(applying.with)) return applying.with;
    return fail(ErrorKind::io, applying.with + " is not installed", "", "--dry-run stops before it is needed");
  }
  for (const std::string& tool : tools) {
    if (is_installed(tool)) return tool;
  }
  return fail(ErrorKind::io, "neither " + tools.front() + " nor " + tools.back() + " is installed", "",
              "--dry-run stops before either is needed; the files are written");
}

Result<void> with_az(const Applying& applying) {
  if (!applying.resource_group) return fail(ErrorKind::usage, "az needs --resource-group NAME");
  if (auto account = logged_in(); !account) return account;
  std::vector<std::string> arguments = {"az",
                                        "deployment",
                                        "group",
                                        "create",
                                        "--resource-group",
                                        *applying.resource_group,
                                        "--name",
                                        applying.name,
                                        "--template-file",
                                        applying.folder + "/template.json",
                                        "--parameters",
                                        "name=" + applying.name,
                                        "identityId=" + *applying.identity};
  if (applying.location) arguments.push_back("location=" + *applying.location);
  for (const char* const word : {"--query", "properties.outputs.url.value", "--output", "tsv"})
    arguments.emplace_back(word);
  return run_tool(arguments);
}

Result<void> with_terraform(const Applying& applying) {
  if (!applying.resource_group_id || !applying.location) {
    return fail(ErrorKind::usage, "terraform needs --resource-group-id ID and --location NAME");
  }
  const std::string folder = "-chdir=" + applying.folder;
  if (auto begun = run_tool({"terraform", folder, "init", "-input=false"}); !begun) return begun;
  return run_tool({"terraform", folder, "apply", "-input=false", "-auto-approve", "-var", "name=" + applying.name,
                   "-var", "location=" + *applying.location, "-var", "resource_group_id=" + *applying.resource_group_id,
                   "-var", "identity_id=" + *applying.identity});
}

std::string text(const json& value) { return value.is_string() ? value.get<std::string>() : "-"; }

void line(const char* name, std::string value) {
  for (char& c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  fmt::print("  {:<12} {}\n", name, value);
}

const json& in(const json& object, const char* name) {
  static const json none;
  return object.is_object() && object.contains(name) ? object.at(name) : none;
}

void print_containers(const json& containers) {
  if (!containers.is_array()) return;
  for (const json& container : containers) {
    line("image", text(in(container, "image")));
    const json& view = in(container, "instanceView");
    const json& state = in(view, "currentState");
    line("container", text(in(state, "state")) + ", " + text(in(state, "detailStatus")) + ", restarts " +
                          (in(view, "restartCount").is_number() ? in(view, "restartCount").dump() : "-"));
    const json& events = in(view, "events");
    if (!events.is_array()) continue;
    for (const json& event : events) line("event", text(in(event, "name")) + ": " + text(in(event, "message")));
  }
}

Result<void> status(const Group& group) {
  if (auto account = logged_in(); !account) return account;
  auto answer = ask_tool(
      {"az", "container", "show", "--resource-group", group.resource_group, "--name", group.name, "--output", "json"});
  if (!answer) return base::pass_on(answer);
  const json found = json::parse(*answer, nullptr, false);
  if (!found.is_object()) return fail(ErrorKind::protocol, "az answers with something else than a container group");
  fmt::print("{}\n", group.name);
  line("state", text(in(in(found, "instanceView"), "state")) + ", " + text(in(found, "provisioningState")));
  const std::string sku = text(in(found, "sku"));
  line("sku", sku);
  const json& address = in(found, "ipAddress");
  line("address", text(in(address, "fqdn")) + " " + text(in(address, "ip")));
  print_containers(in(found, "containers"));
  const json& policy = in(in(found, "confidentialComputeProperties"), "ccePolicy");
  if (const auto bytes = base::from_base64(text(policy)); policy.is_string() && bytes && !bytes->empty()) {
    line("host data", base::to_hex(base::sha256(*bytes)) + " by Azure's word: \"blindbox verify\" asks the hardware");
  }
  if (sku == "Confidential") return {};
  return fail(ErrorKind::not_acceptable, "the container group is not confidential", "its SKU is " + sku,
              "deploy it again: clients refuse it as it is");
}

Result<void> logs(const Group& group) {
  if (auto account = logged_in(); !account) return account;
  fmt::print(
      stderr,
      "blindbox: note: nothing leaves the enclave unless blindbox.yml says \"output\", and the policy keeps what does "
      "from Azure\n");
  return run_tool({"az", "container", "logs", "--resource-group", group.resource_group, "--name", group.name});
}

Result<void> remove(const Group& group) {
  if (auto account = logged_in(); !account) return account;
  auto deleted = run_tool({"az", "container", "delete", "--resource-group", group.resource_group, "--name", group.name,
                           "--yes", "--output", "none"});
  if (deleted) fmt::print("deleted {}\n", group.name);
  return deleted;
}

void add_one(CLI::App& parent, Action& action, const char* name, const char* what, Result<void> (*run)(const Group&)) {
  const auto group = std::make_shared<Group>();
  group->name = "blindbox";
  auto* const command = parent.add_subcommand(name, what);
  command->add_option("--resource-group", group->resource_group, "where it was deployed")
      ->type_name("NAME")
      ->required();
  command->add_option("--name", group->name, "of the container group")->type_name("NAME")->capture_default_str();
  command->callback([group, run, &action] {
    action = [group, run] {
      const auto done = run(*group);
      return done ? 0 : report(done.error());
    };
  });
}

}  // namespace

Result<void> apply_azure(const Applying& applying) {
  if (!applying.identity) {
    return fail(
        ErrorKind::usage, "--identity ID is missing: who may pull the image", "",
        "the resource id of a user-assigned managed identity with AcrPull; registries' passwords are not taken");
  }
  auto tool = choose(applying, {"az", "terraform"});
  if (!tool) return base::pass_on(tool);
  return *tool == "az" ? with_az(applying) : with_terraform(applying);
}

Result<void> apply_kubernetes(const Applying& applying) {
  auto tool = choose(applying, {"kubectl", "helm"});
  if (!tool) return base::pass_on(tool);
  if (*tool == "helm") {
    return run_tool(
        {"helm", "upgrade", "--install", "--namespace", applying.name_space, applying.name, applying.folder + "/helm"});
  }
  return run_tool(
      {"kubectl", "apply", "--namespace", applying.name_space, "--filename", applying.folder + "/kubernetes.yaml"});
}

void add_deploy_azure(CLI::App& command, Action& action) {
  add_one(command, action, "status", "show how a container group on Azure is", &status);
  add_one(command, action, "logs", "print what a container group's output was, by az", &logs);
  add_one(command, action, "delete", "delete a container group on Azure", &remove);
}

}  // namespace blindbox::apps
