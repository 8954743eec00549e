// SPDX-License-Identifier: Apache-2.0
// "blindbox deploy TAG": from a measured image to files that a cloud takes, and on.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/deploy/vm.h"
#include "blindbox/measure/initdata.h"
#include "deploy_azure.h"
#include "measure_image.h"
#include "progress.h"

namespace blindbox::apps {
namespace {

using base::fail;
using deploy::Cluster;

struct Options {
  std::string tag, platform = "azure-aci", image, name = "blindbox", folder = "deploy", runtime_class, initdata;
  std::vector<std::string> environment;
  unsigned cpu = 2, memory = 4, replicas = 2;
  bool dry_run = false;
  Applying applying;
  ImageOptions images;
};

// Where the platform pulls it from: a name of a registry, with the digest that was measured.
Result<std::string> image_name(const Options& options, const std::string& digest) {
  const std::string& text = options.image.empty() ? options.tag : options.image;
  auto reference = image::parse_reference(text);
  if (!reference) return base::pass_on(reference);
  // A bare name is the local store's, and no cloud can pull from there.
  if (reference->transport != image::Transport::registry ||
      (text.find('/') == std::string::npos && options.image.empty())) {
    return fail(ErrorKind::usage, options.tag + " names no registry", "",
                "blindbox push " + options.tag + " --to REGISTRY/PATH:TAG, then --image REGISTRY/PATH");
  }
  if (reference->digest && reference->digest->text() != digest) {
    return fail(ErrorKind::usage, "--image names another digest than the image that was measured",
                "found " + reference->digest->text() + ", measured " + digest);
  }
  return reference->host + "/" + reference->repository + "@" + digest;
}

Result<void> read_environment(const Options& options, deploy::Deployment& out) {
  for (const std::string& text : options.environment) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) return fail(ErrorKind::usage, "--env is not NAME=VALUE: " + text);
    out.environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return {};
}

Result<void> read_initdata(const Options& options, deploy::Deployment& out) {
  if (options.platform != "coco") {
    if (!options.initdata.empty() || !options.runtime_class.empty()) {
      return fail(ErrorKind::usage, "--initdata and --runtime-class are for the platform coco");
    }
    return {};
  }
  const auto known = deploy::runtime_classes();
  out.runtime_class = options.runtime_class.empty() ? known.front() : options.runtime_class;
  if (std::ranges::find(known, out.runtime_class) == known.end()) {
    fmt::print(stderr, "blindbox: note: {} is no runtime class that is known here\n", out.runtime_class);
  }
  if (options.initdata.empty()) {
    return fail(ErrorKind::usage, "the platform coco needs --initdata FILE", "",
                "the document that the hardware reports the digest of; \"blindbox measure --initdata\" computes it");
  }
  auto text = base::read_file(options.initdata, measure::kInitdataCap);
  if (!text) return base::pass_on(text);
  if (auto measured = measure::measure_initdata(*text); !measured) return base::pass_on(measured);
  out.initdata = base::as_text(*text);
  return {};
}

Result<MeasuredImage> measured_image(const Options& options) {
  Progress progress;
  measure::LayerOptions layer;
  layer.progress = [&progress](std::uint64_t done, std::uint64_t total) { progress(done, total); };
  auto measured = measure_image(options.tag, options.images, layer);
  progress.clear();
  return measured;
}

Result<deploy::Deployment> deployment_of(const Options& options, const MeasuredImage& measured) {
  deploy::Deployment out;
  out.name = options.name;
  auto image = image_name(options, measured.image.digest.text());
  if (!image) return base::pass_on(image);
  out.image = *image;
  out.specification = measured.inspection.specification;
  out.cpu = options.cpu;
  out.memory_gib = options.memory;
  out.replicas = options.replicas;
  if (options.platform == "azure-aci") out.policy = measured.policy;
  if (options.platform == "aks-virtual-nodes") out.policy = container_policy(measured, deploy::Group::virtual_node);
  if (auto read = read_environment(options, out); !read) return base::pass_on(read);
  if (auto read = read_initdata(options, out); !read) return base::pass_on(read);
  if (auto checked = deploy::check(out); !checked) return base::pass_on(checked);
  return out;
}

std::vector<deploy::File> render(const deploy::Deployment& deployment, const std::string& platform) {
  if (const auto provider = deploy::vm_provider(platform)) return deploy::render_vm(deployment, *provider);
  if (platform == "azure-aci") return render_azure(deployment);
  if (platform == "aks-virtual-nodes") return render_kubernetes(deployment, Cluster::virtual_nodes);
  return render_kubernetes(deployment, platform == "coco" ? Cluster::confidential : Cluster::plain);
}

Result<void> write(const std::vector<deploy::File>& files, const std::string& folder) {
  constexpr unsigned kPlain = 0644, kProgram = 0755;
  for (const deploy::File& file : files) {
    const std::filesystem::path path = std::filesystem::path(folder) / file.path;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return fail(ErrorKind::io, "cannot make the folder of " + path.string() + ": " + error.message());
    if (auto written = base::write_file(path, base::view(file.contents), file.program ? kProgram : kPlain); !written) {
      return written;
    }
    fmt::print("wrote {}\n", path.string());
  }
  return {};
}

Result<void> run_deploy(const Options& options) {
  auto measured = measured_image(options);
  if (!measured) return base::pass_on(measured);
  auto deployment = deployment_of(options, *measured);
  if (!deployment) return base::pass_on(deployment);
  if (auto written = write(render(*deployment, options.platform), options.folder); !written) return written;
  fmt::print("image      {}\n", deployment->image);
  if (const auto provider = deploy::vm_provider(options.platform)) {
    fmt::print(stderr, "blindbox: note: {}\n", deploy::vm_caveat(*provider));
    fmt::print("nothing was applied; next: {0}/build-image --kernel VMLINUZ --modules DIR, then {0}/upload\n",
               options.folder);
    return {};
  }
  if (!deployment->policy.empty()) {
    fmt::print("host data  {}\n", base::to_hex(base::sha256(base::view(deployment->policy))));
  } else if (!deployment->initdata.empty()) {
    const auto digests = measure::measure_initdata(base::view(deployment->initdata));
    fmt::print("host data  {}\n", base::to_hex(digests->host_data));
  } else {
    fmt::print(stderr, "blindbox: note: a plain cluster is no TEE: clients with a policy refuse what runs there\n");
  }
  if (options.dry_run) {
    fmt::print("nothing was applied (--dry-run); next: blindbox deploy lint {} --image {}\n", options.folder,
               options.tag);
    return {};
  }
  Applying applying = options.applying;
  applying.folder = options.folder;
  applying.name = options.name;
  return options.platform == "azure-aci" ? apply_azure(applying) : apply_kubernetes(applying);
}

void add_options(CLI::App& command, const std::shared_ptr<Options>& options) {
  command.add_option("tag", options->tag, "a wrapped image, as \"build --tag\" named it")->type_name("TAG");
  command
      .add_option("--platform", options->platform,
                  "azure-aci, aks-virtual-nodes, coco, kubernetes, azure-cvm, aws-snp or gcp-snp")
      ->check(
          CLI::IsMember({"azure-aci", "aks-virtual-nodes", "coco", "kubernetes", "azure-cvm", "aws-snp", "gcp-snp"}))
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--image", options->image, "where it was pushed to; else the TAG's own registry")
      ->type_name("REF");
  command.add_option("--name", options->name, "of what is deployed")->type_name("NAME")->capture_default_str();
  command.add_option("--out", options->folder, "where to write the files")->type_name("DIR")->capture_default_str();
  command.add_option("--cpu", options->cpu, "cores")->type_name("N")->capture_default_str();
  command.add_option("--memory", options->memory, "GiB")->type_name("N")->capture_default_str();
  command.add_option("--replicas", options->replicas, "pods, on Kubernetes")->type_name("N")->capture_default_str();
  command.add_option("--env", options->environment, "a variable that the image takes")->type_name("NAME=VALUE");
  command.add_option("--initdata", options->initdata, "Confidential Containers' initdata document (coco)")
      ->type_name("FILE");
  command
      .add_option("--runtime-class", options->runtime_class,
                  "kata-qemu-snp, kata-qemu-tdx, kata-remote or kata-qemu-coco-dev (coco)")
      ->type_name("NAME");
  command.add_flag("--dry-run", options->dry_run, "write the files and stop there");
  command
      .add_option("--with", options->applying.with, "az or terraform; kubectl or helm; else the first that is there")
      ->check(CLI::IsMember({"az", "terraform", "kubectl", "helm"}))
      ->type_name("TOOL");
  command.add_option("--resource-group", options->applying.resource_group, "Azure's, for az")->type_name("NAME");
  command.add_option("--resource-group-id", options->applying.resource_group_id, "its id, for terraform")
      ->type_name("ID");
  command.add_option("--identity", options->applying.identity, "the managed identity that may pull the image")
      ->type_name("ID");
  command.add_option("--location", options->applying.location, "Azure's region")->type_name("NAME");
  command.add_option("--namespace", options->applying.name_space, "Kubernetes'")
      ->type_name("NAME")
      ->capture_default_str();
  add_image_options(command, options->images);
}

Result<void> check_tool(const Options& options) {
  const bool azure = options.platform == "azure-aci";
  if (!options.dry_run && deploy::vm_provider(options.platform)) {
    return fail(ErrorKind::usage, "the platform " + options.platform + " is rendered alone: --dry-run",
                "a disk must be built first", "the files that are written do that, and hand it over");
  }
  const std::string& with = options.applying.with;
  if (with.empty() || azure == (with == "az" || with == "terraform")) return {};
  return fail(ErrorKind::usage, "--with " + with + " is not for the platform " + options.platform);
}

}  // namespace

void add_deploy(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "deploy", "write what a cloud or a cluster needs to run a wrapped image in enclaves, and have it applied");
  command->require_subcommand(0, 1);
  add_options(*command, options);
  command->callback([options, command, &action] {
    if (!command->get_subcommands().empty()) return;  // its callback has run
    action = [options] {
      if (options->tag.empty()) {
        return report({ErrorKind::usage, "no TAG was given", "", "see \"blindbox deploy --help\""});
      }
      auto done = check_tool(*options);
      if (done) done = run_deploy(*options);
      return done ? 0 : report(done.error());
    };
  });
  add_deploy_lint(*command, action);
  add_deploy_azure(*command, action);
}

}  // namespace blindbox::apps
