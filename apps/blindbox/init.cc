// SPDX-License-Identifier: Apache-2.0
// "blindbox init": a commented blindbox.yml to begin with.
#include <fmt/format.h>

#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/specification/starting_point.h"
#include "command.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string folder = ".";
  std::string platform = "azure-aci";
  std::uint16_t port = 0;
  bool force = false;
};

int init(const Options& options) {
  namespace fs = std::filesystem;
  std::error_code failed;
  fs::create_directories(options.folder, failed);
  if (failed) return report({ErrorKind::io, "cannot make the folder " + options.folder, failed.message(), ""});
  const std::string path = (fs::path(options.folder) / "blindbox.yml").lexically_normal().string();
  if (!options.force && fs::exists(fs::symlink_status(path, failed))) {
    return report({ErrorKind::io, path + " is there already", "", "--force replaces it"});
  }
  const auto platform =
      options.platform == "sev-snp-vm" ? specification::Platform::sev_snp_vm : specification::Platform::azure_aci;
  const std::string text = specification::starting_point(platform, options.port);
  if (auto written = base::write_file(path, base::view(text)); !written) return report(written.error());
  fmt::print("wrote {}\nnext: blindbox build --source-image IMAGE --tag TAG\n", path);
  return 0;
}

}  // namespace

void add_init(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("init", "write a commented blindbox.yml: what a wrapped image may do");
  command->add_option("-f,--folder", options->folder, "where to write it")->type_name("DIR")->capture_default_str();
  command->add_option("--platform", options->platform, "azure-sev, the name of 2023, means azure-aci")
      ->check(CLI::IsMember({"azure-aci", "sev-snp-vm", "azure-sev"}))
      ->capture_default_str();
  command->add_option("--port", options->port, "where the application listens; else the port that the image exposes")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535));
  command->add_flag("--force", options->force, "replace a blindbox.yml that is there");
  command->callback([options, &action] { action = [options] { return init(*options); }; });
}

}  // namespace blindbox::apps
