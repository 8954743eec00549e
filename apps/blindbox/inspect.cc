// SPDX-License-Identifier: Apache-2.0
// "blindbox inspect": what was wrapped, and how.
#include "blindbox/wrap/inspect.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "images.h"

namespace blindbox::apps {
namespace {

using nlohmann::json;

struct Options {
  std::string tag;
  bool json = false;
  ImageOptions images;
};

json to_json(const image::Image& image, const wrap::Inspection& found) {
  json layers = json::array();
  for (const image::Layer& layer : image.layers) {
    layers.push_back({{"digest", layer.blob.digest.text()},
                      {"diff_id", layer.diff_id.text()},
                      {"media_type", layer.blob.media_type},
                      {"size", layer.blob.size}});
  }
  return {{"base", {{"digest", found.base_digest}, {"name", found.base_name}}},
          {"blindbox_version", found.version},
          {"digest", image.digest.text()},
          {"init", {{"sha256", base::to_hex(found.init_sha256)}, {"size", found.init_size}}},
          {"layers", std::move(layers)},
          {"platform", image.config.platform.text()},
          {"specification", json::parse(specification::encode(found.specification))},
          {"specification_sha256", base::to_hex(found.specification_sha256)}};
}

void line(const char* name, const std::string& text) { fmt::print("  {:<20} {}\n", name, text.empty() ? "-" : text); }

// One line a value, in the order in which a reviewer asks.
void print(const std::string& tag, const image::Image& image, const wrap::Inspection& found) {
  const json s = json::parse(specification::encode(found.specification));
  std::uint64_t bytes = 0;
  for (const image::Layer& layer : image.layers) bytes += layer.blob.size;
  fmt::print("{}\n", tag);
  line("digest", image.digest.text());
  line("platform", image.config.platform.text());
  line("layers", fmt::format("{}, {} MiB", image.layers.size(), bytes >> 20));
  line("base", found.base_name);
  line("base digest", found.base_digest);
  line("built by", "blindbox " + found.version);
  line("blindbox-init", fmt::format("sha256:{}, {} KiB", base::to_hex(found.init_sha256), found.init_size >> 10));
  fmt::print("specification          sha256:{}\n", base::to_hex(found.specification_sha256));
  line("runs", s["application"]["command"].dump());
  line("as", found.specification.application.user.empty() ? "root of its own name space"
                                                          : found.specification.application.user);
  line("in", found.specification.application.working_directory);
  line("listens on", std::to_string(found.specification.port));
  line("clients connect to", std::to_string(found.specification.tls_port));
  line("health", s["health"].is_null() ? "" : s["health"].dump());
  line("may reach", found.specification.egress.empty() ? "nobody" : s["egress"].dump());
  line("may write to", found.specification.writable.empty() ? "nothing" : s["writable"].dump());
  line("takes variables", found.specification.environment_passed.empty() ? "none" : s["environment_passed"].dump());
  line("limits", s["limits"].dump());
  line("restarts", s["restart"].get<std::string>());
  line("output that leaves", s["output"].get<std::string>());
  line("least isolation", s["minimum_tier"].get<std::string>());
}

int inspect(const Options& options) {
  auto reference = tag_reference(options.tag);
  if (!reference) return report(reference.error());
  auto source = image::open_source(*reference, access(options.images));
  if (!source) return report(source.error());
  auto image = image::read_image(**source);
  if (!image) return report(image.error());
  if (auto wrapped = check_wrapped(*image, options.tag); !wrapped) return report(wrapped.error());
  auto found = wrap::inspect(**source, *image);
  if (!found) return report(found.error());
  if (options.json) {
    fmt::print("{}\n", to_json(*image, *found).dump(2));
  } else {
    print(options.tag, *image, *found);
  }
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("inspect", "show what a wrapped image holds and what it may do");
  command->add_option("tag", options->tag, "a name from \"build --tag\", or docker://, oci:, docker-archive:")
      ->type_name("TAG")
      ->required();
  command->add_flag("--json", options->json, "all of it, for programs");
  add_image_options(*command, options->images);
  command->callback([options, &action] { action = [options] { return inspect(*options); }; });
}

}  // namespace blindbox::apps
