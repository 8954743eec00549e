// SPDX-License-Identifier: Apache-2.0
#include "blindbox/wrap/wrap.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "blindbox/wrap/internal/application.h"

namespace blindbox::wrap {
namespace {

using base::fail;
using nlohmann::json;

constexpr std::string_view kBaseName = "org.opencontainers.image.base.name";
constexpr std::string_view kBaseDigest = "org.opencontainers.image.base.digest";

struct Marks {
  image::Annotations base;    // of the manifest and the configuration
  image::Annotations labels;  // of the configuration alone
};

Result<void> check_original(const image::Image& original, ByteView init) {
  if (original.config.labels.contains(std::string(kVersionLabel))) {
    return fail(ErrorKind::usage,
                "the image is wrapped already, by blindbox " + original.config.labels.at(std::string(kVersionLabel)),
                "", "wrap the image that it was made from");
  }
  auto architecture = architecture_of(init);
  if (!architecture) return base::pass_on(architecture);
  const image::Platform& platform = original.config.platform;
  if (platform.os != "linux" || platform.architecture != *architecture) {
    return fail(ErrorKind::usage, "the image is for another platform than blindbox-init",
                "image " + platform.text() + ", blindbox-init linux/" + *architecture,
                "\"--image-platform linux/" + *architecture + "\" chooses among an index's platforms");
  }
  return {};
}

// The base's configuration with blindbox-init as its process. Members that are nobody's here stay as they are.
Result<std::string> rewrite_config(const image::Image& original, const image::Digest& diff_id,
                                   const specification::Specification& specification, const Marks& marks) {
  json root = json::parse(original.config_json, nullptr, false);
  if (!root.is_object()) return fail(ErrorKind::malformed, "the image's configuration is no JSON object");
  json& config = root["config"];
  if (!config.is_object()) config = json::object();
  for (const char* const gone : {"Cmd", "User", "Healthcheck", "Volumes", "OnBuild", "Shell", "ArgsEscaped", "Hostname",
                                 "Domainname", "StopSignal", "StopTimeout"}) {
    config.erase(gone);
  }
  config["Entrypoint"] = json::array({specification::kInitPath});
  config["Env"] = json::array();
  config["WorkingDir"] = "/";
  config["ExposedPorts"] = {{fmt::format("{}/tcp", specification.tls_port), json::object()}};
  json& labels = config["Labels"];
  if (!labels.is_object()) labels = json::object();
  labels.erase(std::string(kBaseName));  // of the original's own base
  for (const auto* const set : {&marks.base, &marks.labels}) {
    for (const auto& [name, value] : *set) labels[name] = value;
  }
  root.erase("container");
  root.erase("container_config");  // Docker's record of the build's last step
  root["rootfs"]["diff_ids"].push_back(diff_id.text());
  if (root.contains("history") && root["history"].is_array()) {
    root["history"].push_back(
        {{"created_by", "blindbox build"}, {"comment", "adds " + std::string(specification::kFolder)}});
  }
  return root.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<Wrapped> wrap(const image::Image& original, const std::string& base_name,
                     const specification::Specification& settings, ByteView init, const std::string& version) {
  if (auto fits = check_original(original, init); !fits) return base::pass_on(fits);
  std::vector<std::string> notes;
  auto specification = internal::complete(settings, original.config, notes);
  if (!specification) return base::pass_on(specification);
  const std::string measured = specification::encode(*specification);
  // Read back as blindbox-init will: what it would refuse must not be built.
  if (auto readable = specification::decode(measured); !readable) {
    return fail(ErrorKind::malformed, "the image cannot be carried over", readable.error().what,
                "its configuration, or blindbox.yml, says what blindbox-init would refuse");
  }

  auto made = make_layer(init, measured);
  if (!made) return base::pass_on(made);
  std::string layer = *std::move(made);
  const auto digest = image::Digest::of(base::view(layer));
  Marks marks{{{std::string(kBaseDigest), original.digest.text()}},
              {{std::string(kVersionLabel), version},
               {std::string(kSpecificationLabel), base::to_hex(base::sha256(base::view(measured)))}}};
  if (!base_name.empty()) marks.base.emplace(kBaseName, base_name);
  auto config = rewrite_config(original, digest, *specification, marks);
  if (!config) return base::pass_on(config);
  std::vector<image::Layer> layers = original.layers;
  layers.push_back({{std::string(image::kOciLayer), digest, layer.size()}, digest, image::Compression::none});
  image::Annotations annotations = original.manifest.annotations;
  annotations.erase(std::string(kBaseName));
  for (const auto& [name, value] : marks.base) annotations.insert_or_assign(name, value);
  auto image = image::assemble(*std::move(config), std::move(layers), std::move(annotations));
  if (!image) return base::pass_on(image);
  return Wrapped{*std::move(image), std::move(layer), *std::move(specification), std::move(notes)};
}

}  // namespace blindbox::wrap
