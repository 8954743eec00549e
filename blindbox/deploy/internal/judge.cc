// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/internal/judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "blindbox/specification/specification.h"

namespace blindbox::deploy::internal {
namespace {

using Level = Remark::Level;

// What Azure sets in every container, whatever the template says; those of identities only where there is one.
struct Injected {
  const char* name;
  const char* value;
  bool identity;
};
constexpr Injected kInjected[] = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", false},
                                  {"TERM", "xterm", false},
                                  {"HOSTNAME", "SandboxHost-1", false},
                                  {"Fabric_NodeIPOrFqdn", "10.0.0.4", false},
                                  {"FabricPackageFileName", "package", false},
                                  {"IDENTITY_API_VERSION", "2021-12-01", true},
                                  {"IDENTITY_HEADER", "header", true},
                                  {"IDENTITY_SERVER_THUMBPRINT", "thumbprint", true}};

// Each may compile an expression: templates of people have some thousand.
constexpr std::size_t kMostComparisons = 100'000;
constexpr std::size_t kShort = 1024;  // an expression's bytes by those of its text; what is longer counts as several

class Judge {
 public:
  Judge(const SeenGroup& group, const std::optional<ExpectedImage>& image, std::size_t& compared,
        std::vector<Remark>& out)
      : group_(group), image_(image), compared_(compared), out_(out) {}

  Result<void> run() {
    if (group_.containers.empty()) say(Level::error, "", "it has no containers", "add the wrapped image");
    platform();
    for (const SeenContainer& container : group_.containers) plain(container);
    if (group_.password) {
      say(Level::error, ".imageRegistryCredentials", "a registry's password stands in the file",
          "give the group a user-assigned identity with AcrPull, and name that");
    }
    if (group_.public_ports.size() > 1) {
      say(Level::warning, ".ipAddress.ports", fmt::format("{} ports are public", group_.public_ports.size()),
          "only the port of attested TLS is meant for clients");
    }
    for (const std::string& port : group_.public_ports) {
      if (!port.starts_with("TCP")) say(Level::warning, ".ipAddress.ports", port + " is no TCP port", "take it out");
    }
    if (group_.policy && !group_.policy->empty()) policy();
    if (compared_ <= kMostComparisons) return {};
    return base::fail(ErrorKind::limit, group_.where + " has too many variables to compare with its policy's rules",
                      "more than " + std::to_string(kMostComparisons) + " comparisons");
  }

 private:
  using Kind = SeenGroup::Kind;

  void say(Level level, const std::string& where, std::string what, std::string mend) {
    out_.push_back({level, group_.where + where, std::move(what), std::move(mend)});
  }

  void platform() {
    const bool azure = group_.kind == Kind::container_instances;
    if (azure && group_.sku != "Confidential") {
      say(Level::error, ".sku", group_.sku.empty() ? "there is no SKU" : "the SKU is " + group_.sku,
          "set \"sku\": \"Confidential\": otherwise it runs on an ordinary machine");
    }
    if ((azure || group_.kind == Kind::virtual_node) && (!group_.policy || group_.policy->empty())) {
      say(Level::error, azure ? ".ccePolicy" : ".ccepolicy", "the container policy is empty",
          "run \"blindbox deploy\" on the image: without a policy the enclave takes any container");
    }
    if (group_.kind == Kind::confidential_containers && !group_.initdata) {
      say(Level::error, ".cc_init_data", "there is no initdata",
          "nothing binds the pod to its configuration: --initdata");
    }
    if (group_.kind == Kind::plain) {
      say(Level::warning, "", "it runs outside of any enclave", "a plain cluster is for trying out: clients refuse it");
    }
  }

  void plain(const SeenContainer& container) {
    const std::string where = "." + container.where;
    const auto digest = container.image.rfind("@sha256:");
    if (container.image.starts_with("[") || container.image.empty()) {
      say(Level::note, where + ".image", "which image it is does not stand in the file", "name it by its digest");
    } else if (digest == std::string::npos) {
      say(Level::error, where + ".image", container.image + " is named by a tag",
          "name it by its digest (@sha256:...): a tag that moves makes the policy refuse the container");
    } else if (image_ && container.image.substr(digest + 1) != image_->digest) {
      say(Level::error, where + ".image", "it is another image than the one given",
          "found " + container.image.substr(digest + 1) + ", the image is " + image_->digest);
    }
    if (container.privileged) {
      say(Level::error, where + ".privileged", "it is privileged", "take it out: the policy refuses it");
    }
  }

  void policy() {
    const auto bytes = base::from_base64(*group_.policy);
    if (!bytes || group_.policy->find('\n') != std::string::npos) {
      if (group_.policy->starts_with("[")) {
        return say(Level::note, ".ccePolicy", "the policy does not stand in the file",
                   "judge the one that is filled in");
      }
      return say(Level::error, ".ccePolicy", "the policy is no base64 on one line", "base64 -w0 container-policy.rego");
    }
    auto read = read_rego(base::as_text(*bytes));
    if (!read) {
      return say(
          Level::error, ".ccePolicy", read.error().what,
          "an open policy lets the operator run anything: \"blindbox measure TAG --write-container-policy FILE\"");
    }
    open(*read);
    const bool known = !image_ || std::ranges::any_of(read->containers, [this](const RegoContainer& container) {
      return layers_are(container);
    });
    if (!known) other_layers(*read);
    for (const SeenContainer& container : group_.containers) against(container, *read);
  }

  void open(const Rego& rego) {
    if (rego.fragments) {
      say(Level::warning, ".ccePolicy", "it takes fragments", "whoever signs them can run code in the enclave");
    }
    for (const std::string& line : rego.extra) {
      say(Level::error, ".ccePolicy", "it has a statement that no container policy needs: " + line,
          "a rule beside the list of containers can allow anything: \"blindbox measure TAG --write-container-policy "
          "FILE\"");
    }
    for (const std::string& name : rego.open) say(Level::warning, ".ccePolicy", name + " is on", "set it to false");
    for (const RegoContainer& container : rego.containers) {
      if (container.elevated)
        say(Level::error, ".ccePolicy", "it lets a container be privileged", "allow_elevated: false");
      if (container.pause) continue;
      if (container.stdio) {
        say(Level::warning, ".ccePolicy", "it lets the operator read a container's output",
            "allow_stdio_access: false");
      }
      if (container.processes) {
        say(Level::error, ".ccePolicy", "it lets the operator run programs in a container", "empty exec_processes");
      }
    }
  }

  [[nodiscard]] bool layers_are(const RegoContainer& container) const {
    return std::ranges::equal(container.layers, image_->layers, {}, {},
                              [](const auto& hash) { return base::to_hex(hash); });
  }

  void other_layers(const Rego& rego) {
    std::vector<std::string> ours;
    for (const auto& layer : image_->layers) ours.push_back(base::to_hex(layer));
    std::ranges::sort(ours);
    for (const RegoContainer& container : rego.containers) {
      std::vector<std::string> theirs = container.layers;
      std::ranges::sort(theirs);
      if (ours != theirs) continue;
      return say(Level::error, ".ccePolicy", "its layers are the image's in another order",
                 "bottom first: measure again");
    }
    say(Level::error, ".ccePolicy", "it is not of this image: none of its containers has the image's layers",
        "measure the image that is in the registry: a tool that packs layers anew changes the order in the tar "
        "archives, and "
        "with it every hash");
  }

  // The policy's container that this one would be judged by.
  static const RegoContainer* find(const SeenContainer& container, const Rego& rego) {
    const RegoContainer* last = nullptr;
    std::size_t candidates = 0;
    for (const RegoContainer& entry : rego.containers) {
      if (entry.pause) continue;
      ++candidates;
      last = &entry;
      if (container.command && entry.command == container.command) return &entry;
    }
    return !container.command && candidates == 1 ? last : nullptr;
  }

  void against(const SeenContainer& container, const Rego& rego) {
    const std::string where = "." + container.where;
    const RegoContainer* const entry = find(container, rego);
    if (entry == nullptr) {
      return container.command
                 ? say(Level::error, where + ".command", "the policy takes no container with this command",
                       "leave the command out, or set it to " + commands(rego))
                 : say(Level::note, where + ".command", "which of the policy's containers it is cannot be told",
                       "write its command into the file");
    }
    for (const std::string& mount : container.mounts) {
      if (std::ranges::find(entry->mounts, mount) != entry->mounts.end()) continue;
      say(Level::error, where + ".volumeMounts", "the policy refuses a mount at " + mount,
          "take it out: what lies in a volume is the operator's, and \"writable\" in blindbox.yml is memory");
    }
    if (entry->no_new_privileges && container.escalation.value_or(true)) {
      say(Level::error, where + ".securityContext", "the policy wants no new privileges, and the file does not say so",
          "\"allowPrivilegeEscalation\": false");
    }
    if (container.exec_probe && !entry->processes) {
      say(Level::error, where, "a probe runs a program, which the policy refuses", "httpGet with scheme HTTPS");
    }
    for (const auto& [name, value] : container.environment) variable(where, *entry, name, value, rego.drops_variables);
    for (const Injected& injected : kInjected) {
      if (injected.identity && !group_.identity) continue;
      variable(where + " (set by the platform)", *entry, injected.name, injected.value, rego.drops_variables);
    }
    if (std::ranges::find(entry->mounts, "/etc/resolv.conf") == entry->mounts.end()) {
      say(Level::error, where, "the platform mounts /etc/resolv.conf, and the policy does not take it",
          "measure the image with \"blindbox measure\", which lists it");
    }
  }

  void variable(const std::string& where, const RegoContainer& entry, const std::string& name,
                const std::optional<std::string>& value, bool dropped) {
    bool unknown = false;
    for (const auto& rule : entry.rules) {
      // An expression's time grows with both lengths.
      compared_ += 1 + rule.second.size() * (name.size() + (value ? value->size() : 0)) / kShort;
      if (compared_ > kMostComparisons) return;  // run() says so
      const auto matched = matches(rule, name, value);
      if (matched.value_or(false)) return;
      unknown = unknown || !matched;
    }
    if (unknown) {
      return say(Level::note, where + "." + name, "whether the policy takes it could not be told",
                 "a pattern is not simple");
    }
    if (dropped) {
      return say(Level::warning, where + "." + name, "the policy takes the variable away without a word",
                 "list it under \"environment\" in blindbox.yml, and build and measure again");
    }
    say(Level::error, where + "." + name, "the policy refuses the variable, and with it the container",
        "list it under \"environment\" in blindbox.yml, build and measure again; or take it out");
  }

  static std::string commands(const Rego& rego) {
    std::string out;
    for (const RegoContainer& entry : rego.containers) {
      if (entry.pause || !entry.command) continue;
      out += (out.empty() ? "" : " or ") + json(*entry.command).dump(-1, ' ', true, json::error_handler_t::replace);
    }
    return out;
  }

  const SeenGroup& group_;
  const std::optional<ExpectedImage>& image_;
  std::size_t& compared_;
  std::vector<Remark>& out_;
};

}  // namespace

Result<void> judge(const SeenGroup& group, const std::optional<ExpectedImage>& image, std::size_t& compared,
                   std::vector<Remark>& out) {
  return Judge(group, image, compared, out).run();
}

}  // namespace blindbox::deploy::internal
