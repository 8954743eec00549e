// SPDX-License-Identifier: Apache-2.0
// Container images between registries, folders and archives.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "blindbox/image/transfer.h"
#include "blindbox/image/unpack.h"
#include "command.h"
#include "images.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string source, target;
  std::string platform;
  ImageOptions images;
  bool json = false;
};

struct Opened {
  std::unique_ptr<image::Source> source;
  image::Image image;
};

Result<Opened> open(const Options& options, const image::Access& access) {
  std::optional<image::Platform> wanted;
  if (!options.platform.empty()) {
    auto platform = image::parse_platform(options.platform);
    if (!platform) return base::pass_on(platform);
    wanted = std::move(*platform);
  }
  auto reference = image::parse_reference(options.source);
  if (!reference) return base::pass_on(reference);
  auto source = image::open_source(*reference, access);
  if (!source) return base::pass_on(source);
  auto found = image::read_image(**source, wanted);
  if (!found) return base::pass_on(found);
  if (found->offered.size() > 1) {
    fmt::print(stderr, "blindbox: note: of the image's {} platforms, this is {}\n", found->offered.size(),
               found->config.platform.text());
  }
  return Opened{std::move(*source), std::move(*found)};
}

int run_copy(const Options& options) {
  const image::Access reach = access(options.images);
  auto to = image::parse_reference(options.target);
  if (!to) return report(to.error());
  auto opened = open(options, reach);
  if (!opened) return report(opened.error());
  auto target = image::open_target(*to, reach);
  if (!target) return report(target.error());
  Result<image::Image> stored = base::fail(ErrorKind::internal, "not copied");
  {
    TransferProgress progress;
    stored = image::copy(*opened->source, **target, opened->image,
                         [&progress](const image::Transfer& transfer) { progress(transfer); });
  }
  if (!stored) return report(stored.error());
  // Where the archive itself goes to standard output, nothing else may.
  fmt::print(to->path == "-" ? stderr : stdout, "{}\n", stored->digest.text());
  return 0;
}

// Owners and permissions are the layers' where root asks.
int run_unpack(const Options& options) {
  auto opened = open(options, access(options.images));
  if (!opened) return report(opened.error());
  image::UnpackOptions unpack;
  unpack.device_nodes = image::DeviceNodes::skip;
  Result<image::Unpacked> done = base::fail(ErrorKind::internal, "not unpacked");
  {
    TransferProgress progress;
    unpack.progress = [&progress](const image::Transfer& transfer) { progress(transfer); };
    done = image::unpack(*opened->source, opened->image, options.target, unpack);
  }
  if (!done) return report(done.error());
  if (done->skipped_devices > 0) {
    fmt::print(stderr, "blindbox: note: {} device nodes were left out\n", done->skipped_devices);
  }
  fmt::print("{}\n", opened->image.digest.text());
  return 0;
}

nlohmann::json as_json(const image::Image& image) {
  auto layers = nlohmann::json::array();
  for (const image::Layer& layer : image.layers) {
    layers.push_back({{"digest", layer.blob.digest.text()},
                      {"size", layer.blob.size},
                      {"media_type", layer.blob.media_type},
                      {"diff_id", layer.diff_id.text()}});
  }
  auto platforms = nlohmann::json::array();
  for (const image::Platform& platform : image.offered) platforms.push_back(platform.text());
  const image::Config& config = image.config;
  return {{"digest", image.digest.text()},
          {"media_type", image.manifest.media_type},
          {"platform", config.platform.text()},
          {"platforms", platforms},
          {"config_digest", image.manifest.config.digest.text()},
          {"layers", layers},
          {"annotations", image.manifest.annotations},
          {"entrypoint", config.entrypoint},
          {"cmd", config.cmd},
          {"env", config.env},
          {"user", config.user},
          {"working_dir", config.working_dir},
          {"stop_signal", config.stop_signal},
          {"exposed_ports", config.exposed_ports},
          {"volumes", config.volumes},
          {"labels", config.labels}};
}

// Texts of an image are others' words: JSON's own escapes keep control characters off the terminal.
std::string shown(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

void print(const image::Image& image) {
  const auto line = [](const char* name, const std::string& value) { fmt::print("{:<12} {}\n", name, value); };
  const image::Config& config = image.config;
  line("digest", image.digest.text());
  line("media type", image.manifest.media_type);
  line("platform", shown(config.platform.text()));
  for (const image::Layer& layer : image.layers) {
    line("layer", fmt::format("{} {} bytes", layer.blob.digest.text(), layer.blob.size));
  }
  line("entrypoint", shown(config.entrypoint));
  line("command", shown(config.cmd));
  line("user", shown(config.user));
  line("folder", shown(config.working_dir));
  for (const std::string& variable : config.env) line("environment", shown(variable));
  for (const std::string& port : config.exposed_ports) line("port", shown(port));
  for (const auto& [name, value] : config.labels) line("label", shown(name) + "=" + shown(value));
}

int run_inspect(const Options& options) {
  auto opened = open(options, access(options.images));
  if (!opened) return report(opened.error());
  if (options.json) {
    fmt::print("{}\n", as_json(opened->image).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    print(opened->image);
  }
  return 0;
}

void add_common(CLI::App& command, const std::shared_ptr<Options>& options) {
  command.add_option("--platform", options->platform, "of an image for several: linux/amd64 unless given")
      ->type_name("OS/ARCH");
  add_image_options(command, options->images);
}

}  // namespace

void add_image(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("image", "copy, unpack and look at container images");
  command->require_subcommand(1);

  const auto copying = std::make_shared<Options>();
  auto* const copy_command = command->add_subcommand("copy", "copy an image and print its digest");
  copy_command->add_option("SOURCE", copying->source, "docker://NAME, oci:FOLDER[:TAG] or docker-archive:FILE[:NAME]")
      ->required();
  copy_command->add_option("TARGET", copying->target, "the same; docker-archive:- is a standard stream")->required();
  add_common(*copy_command, copying);
  copy_command->callback([copying, &action] { action = [copying] { return run_copy(*copying); }; });

  const auto unpacking = std::make_shared<Options>();
  auto* const unpack_command = command->add_subcommand("unpack", "unpack an image's layers and print its digest");
  unpack_command->add_option("SOURCE", unpacking->source, "as for copy")->required();
  unpack_command->add_option("FOLDER", unpacking->target, "which is not there yet")->required();
  add_common(*unpack_command, unpacking);
  unpack_command->callback([unpacking, &action] { action = [unpacking] { return run_unpack(*unpacking); }; });

  const auto inspecting = std::make_shared<Options>();
  auto* const inspect_command = command->add_subcommand("inspect", "print what an image is and how it starts");
  inspect_command->add_option("IMAGE", inspecting->source, "as for copy")->required();
  inspect_command->add_flag("--json", inspecting->json, "as one JSON object");
  add_common(*inspect_command, inspecting);
  inspect_command->callback([inspecting, &action] { action = [inspecting] { return run_inspect(*inspecting); }; });
}

}  // namespace blindbox::apps
